from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.cli.scheduled_points import Piece, Span, simulate

# Whole seconds, so that sums are exact.
SECONDS = st.integers(1, 20).map(float)


@st.composite
def sweeps(draw: Any) -> list[list[Piece]]:
    """Points that have some pieces in common: what a key takes, and whether it is a benchmark, is the key's."""
    keys = {key: Piece(key, draw(SECONDS), draw(st.booleans())) for key in range(draw(st.integers(1, 12)))}
    pieces = st.one_of(st.sampled_from([*keys.values()]), SECONDS.map(lambda seconds: Piece(None, seconds)))
    # In the order of their numbers, as stages of a graph are: otherwise two points may wait for each other.
    ordered = st.lists(pieces, min_size=1, max_size=5, unique_by=lambda p: (p.key, p.seconds)).map(
        lambda found: sorted(found, key=lambda p: -1 if p.key is None else int(str(p.key)))
    )
    return draw(st.lists(ordered, min_size=1, max_size=12))


WORKERS = st.lists(st.integers(0, 2), min_size=1, max_size=5)
DEATHS = st.lists(st.tuples(st.integers(0, 60).map(float), st.integers(0, 4)), max_size=6)


def _deaths(deaths: Sequence[tuple[float, int]], workers: Sequence[int]) -> list[tuple[float, int]]:
    return [(when, number % len(workers)) for when, number in deaths]


def _makespan(spans: Sequence[Span]) -> float:
    return max(span.end for span in spans)


@settings(max_examples=100)
@given(points=sweeps(), workers=WORKERS, deaths=DEATHS)
def test_no_piece_is_done_twice_and_every_point_is_done(
    points: list[list[Piece]], workers: list[int], deaths: list[tuple[float, int]]
) -> None:
    spans = simulate(points, workers, restore_s=1, deaths=_deaths(deaths, workers))
    done = Counter(span.key for span in spans if span.key is not None and not span.restored and not span.killed)
    assert done == dict.fromkeys({piece.key for point in points for piece in point if piece.key is not None}, 1)
    # The last try of each point goes through its pieces in their order, none of which begins before the one before has ended.
    for number, point in enumerate(points):
        mine = [span for span in spans if span.point == number and not span.killed][-len(point) :]
        assert [span.key for span in mine] == [piece.key for piece in point]
        assert all(before.end <= after.begin for before, after in pairwise(mine))
    assert sum(span.killed for span in spans) <= len(deaths)


@settings(max_examples=100)
@given(points=sweeps(), workers=WORKERS, deaths=DEATHS)
def test_benchmarks_are_alone_and_a_worker_does_one_thing(
    points: list[list[Piece]], workers: list[int], deaths: list[tuple[float, int]]
) -> None:
    spans = simulate(points, workers, restore_s=1, deaths=_deaths(deaths, workers))
    by_machine = defaultdict(list)
    for span in spans:
        assert span.machine == workers[span.worker]
        by_machine[span.machine].append(span)
    for found in by_machine.values():
        for one in found:
            beside = [other for other in found if other is not one and other.begin < one.end and one.begin < other.end]
            assert not [other for other in beside if one.alone or other.alone or one.worker == other.worker]


@settings(max_examples=100)
@given(points=sweeps(), workers=WORKERS)
def test_the_makespan_is_between_what_it_must_be_and_one_after_the_other(points: list[list[Piece]], workers: list[int]) -> None:
    spans = simulate(points, workers, restore_s=1)
    work = sum(span.end - span.begin for span in spans)
    # No worker does two things; a point's pieces follow each other, each done or taken from the cache; somebody always works.
    longest = max(sum(1 if piece.key is not None else piece.seconds for piece in point) for point in points)
    assert max(work / len(workers), longest) <= _makespan(spans) <= work


@settings(max_examples=100)
@given(lengths=st.lists(st.lists(SECONDS, min_size=1, max_size=4), min_size=1, max_size=15), workers=WORKERS)
def test_points_with_nothing_in_common_keep_graham_s_bound(lengths: list[list[float]], workers: list[int]) -> None:
    """R. L. Graham, Bounds on multiprocessing timing anomalies, SIAM J. Appl. Math. 17, 1969: at most 2 - 1/m times the best."""
    points = [[Piece((i, j), seconds) for j, seconds in enumerate(point)] for i, point in enumerate(lengths)]
    spans, m = simulate(points, workers), len(workers)
    work, longest = sum(map(sum, lengths)), max(map(sum, lengths))
    assert max(work / m, longest) <= _makespan(spans) + 1e-9
    assert _makespan(spans) <= work / m + (1 - 1 / m) * longest + 1e-9


def test_who_needs_what_another_one_does_waits_and_takes_it_from_the_cache() -> None:
    shared = Piece("ranges", 10.0)
    spans = simulate([[shared, Piece("a", 1.0)], [shared, Piece("b", 1.0)]], [0, 0], restore_s=0.5)
    found = [(span.worker, span.key, span.begin, span.end, span.restored) for span in spans]
    assert found == [
        (0, "ranges", 0, 10, False),
        (1, "ranges", 10, 10.5, True),
        (0, "a", 10, 11, False),
        (1, "b", 10.5, 11.5, False),
    ]


def test_who_waits_for_a_worker_that_dies_does_it_itself() -> None:
    shared = Piece("ranges", 10.0)
    spans = simulate([[shared], [shared]], [0, 1], deaths=[(4.0, 0)], back_s=2.0)
    assert [(span.worker, span.point, span.begin, span.end, span.killed, span.restored) for span in spans] == [
        (0, 0, 0, 4, True, False),
        (1, 1, 4, 14, False, False),
        (0, 0, 14, 14, False, True),
    ]


def test_a_benchmark_waits_for_who_works_and_who_comes_later_for_it() -> None:
    points = [[Piece("long", 5.0), Piece("after", 1.0)], [Piece("timing", 2.0, alone=True)]]
    spans = simulate(points, [0, 0])
    assert [(span.key, span.begin, span.end) for span in spans] == [("long", 0, 5), ("timing", 5, 7), ("after", 7, 8)]
    # On a machine of its own it waits for nobody.
    assert [(span.key, span.end) for span in simulate(points, [0, 1])] == [("timing", 2), ("long", 5), ("after", 6)]


@pytest.mark.parametrize("workers", [1, 100])
def test_ten_thousand_points_are_done(workers: int) -> None:
    points = [[Piece(("c", i % 25), 3.0), Piece(("q", i), 1.0), Piece(("b", i), 0.5, alone=True)] for i in range(10_000)]
    spans = simulate(points, [number // 2 for number in range(workers)], deaths=[(100.0 * i, i % workers) for i in range(50)])
    assert sum(not span.restored and not span.killed for span in spans) == 25 + 20_000
