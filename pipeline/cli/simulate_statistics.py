"""Do the statistics hold what they claim? Sets with known truths are drawn, and judged as `evaluate` and `select` judge.

python -m pipeline.cli.simulate_statistics [--count N] [--seed S]

Prints two Markdown tables: how often a 95 % interval of the drop holds the true drop, and how often a file ships whose true drop is
over the budget. Exit code 0 either way.
"""

import argparse
import itertools
from collections.abc import Callable
from concurrent.futures import Executor, ProcessPoolExecutor
from functools import cache

import numpy as np

from pipeline import progress
from pipeline.cli.simulated_sets import CASES, Case, Drawn, of_decisions
from pipeline.evaluation import paired_comparison
from pipeline.evaluation.accuracy_report import Comparison
from pipeline.evaluation.paired_comparison import Compared
from pipeline.evaluation.registry import METRICS
from pipeline.selection import ranking, summary_row
from pipeline.selection.ranking import Candidate, Constraints

COUNT, LEVEL = 1000, 0.95
SAMPLES = (20, 50, 100, 500, 2000)
BOUNDS = ("simultaneous", "upper", "estimate")
# Of the bootstrap, which only gives a standard error here; with as many as a run has by default the simulation takes hours.
_RESAMPLES = 200
Compare = Callable[..., Compared]

# A budget of one point, and variants that truly lose just more: of 1,000 samples one loses 1.55 % and wins 0.5 %.
_BUDGET, _N, _LOST, _WON, _RIGHT = 0.01, 1000, 0.0155, 0.005, 0.95
# How alike the variants are: the chance that what happens to a sample happens to it in all of them.
_ALIKE = {"each for itself": 0.0, "half of the changes are common": 0.5, "all the same": 1.0}
_FAMILIES = [(number, alike) for number in (5, 28) for alike in _ALIKE]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=COUNT, help=f"sets to draw for each figure (default {COUNT})")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    total = len(CASES) * len(SAMPLES) + len(_FAMILIES)
    with ProcessPoolExecutor() as pool, progress.counting(total, doing="simulate") as done:
        print(_coverages(options.count, options.seed, pool, done), flush=True)
        print(_shipments(options.count, options.seed, pool, done))


def _coverages(count: int, seed: int, pool: Executor, done: Callable[[], object]) -> str:
    share = f"Share of {count:,} sets whose {100 * LEVEL:g} % interval holds the true drop"
    lines = [f"{share} (in brackets: whose upper end is below it):\n"]
    lines += [f"| figure | {' | '.join(f'n = {n:,}' for n in SAMPLES)} |", f"| --- |{' ---: |' * len(SAMPLES)}"]
    asked = [(number, n, count, seed) for number in range(len(CASES)) for n in SAMPLES]
    found = pool.map(_covered, asked)
    for case in CASES:
        cells = []
        for held, above in itertools.islice(found, len(SAMPLES)):
            done()
            cells.append(f"{100 * held:.1f} % ({100 * above:.1f} %)")
        lines.append(f"| {case.what}{'' if case.reachable else ' ¹'} | {' | '.join(cells)} |")
    return "\n".join([*lines, "\n¹ The variance of the drop is infinite: no interval from samples holds it as often as it says.\n"])


def _covered(asked: tuple[int, int, int, int]) -> tuple[float, float]:
    number, n, count, seed = asked
    return coverage(CASES[number], _drop(number), n=n, count=count, seed=seed)


@cache
def _drop(number: int) -> float:
    return CASES[number].drop()


def _shipments(count: int, seed: int, pool: Executor, done: Callable[[], object]) -> str:
    lines = [
        f"Share of {count:,} runs that ship a file over the budget of {100 * _BUDGET:g} point, all variants truly losing "
        f"{100 * (_LOST - _WON):.2f} points, {_N:,} evaluation samples:\n"
    ]
    heads = " | ".join(f"`{bound}`" for bound in BOUNDS)
    lines += [f"| variants | what changes | {heads} |", f"| ---: | --- |{' ---: |' * len(BOUNDS)}"]
    found = pool.map(_shipped, [(number, _ALIKE[alike], count, seed) for number, alike in _FAMILIES])
    for (number, alike), wrong in zip(_FAMILIES, found, strict=True):
        done()
        lines.append(f"| {number} | {alike} | {' | '.join(f'{100 * one / count:.1f} % ({one:,})' for one in wrong)} |")
    return "\n".join(lines)


def _shipped(asked: tuple[int, float, int, int]) -> tuple[int, ...]:
    number, alike, count, seed = asked
    return wrong_shipments(number, alike, count=count, seed=seed)


def coverage(
    case: Case, truth: float, *, n: int, count: int, seed: int, compare: Compare = paired_comparison.compare
) -> tuple[float, float]:
    """How often the interval holds the true drop, and how often its upper end is below it.

    Args:
        case: what to draw and measure.
        truth: the true drop.
        n: samples of a set.
        count: sets.
        seed: of the sets.
        compare: what judges.
    """
    rng, held, above = np.random.default_rng([seed, n]), 0, 0
    for number in range(count):
        labels, before, after = case.draw(n, rng)
        row = compare(
            case.measured(), case.options, (labels, before), {"v": (labels, after)}, level=LEVEL, resamples=_RESAMPLES, seed=number
        ).rows["v"]
        low, high = row.interval or (-np.inf, np.inf)  # none is given: nothing wrong is said
        held, above = held + (low <= truth <= high), above + (high < truth)
    return held / count, above / count


def wrong_shipments(
    number: int, alike: float, *, count: int, seed: int, compare: Compare = paired_comparison.compare
) -> tuple[int, ...]:
    """How many runs ship one of the variants, all of which are truly over the budget: for each of `BOUNDS`.

    Args:
        number: of variants.
        alike: the chance that what happens to a sample is the same for all.
        count: runs.
        seed: of the sets.
        compare: what judges.
    """
    rng, shipped = np.random.default_rng([seed, number, round(100 * alike)]), dict.fromkeys(BOUNDS, 0)
    for run in range(count):
        variants = family(number, alike, rng)
        original = next(iter(variants.values()))[:2]
        rows = compare(
            METRICS["accuracy"],
            {},
            original,
            {name: (labels, after) for name, (labels, _, after) in variants.items()},
            level=LEVEL,
            resamples=_RESAMPLES,
            seed=run,
        ).rows
        for bound in BOUNDS:
            shipped[bound] += _choice(rows, bound) is not None
    return tuple(shipped.values())


def family(number: int, alike: float, rng: np.random.Generator) -> dict[str, Drawn]:
    """Variants of one network, 95 of 100 right, on the same samples; each of them truly loses the same."""
    before = rng.random(_N) < _RIGHT
    lot = np.where(rng.random((number, _N)) < alike, rng.random((1, _N)), rng.random((number, _N)))
    changed = lot < np.where(before, _LOST / _RIGHT, _WON / (1 - _RIGHT))
    return {f"v{i}": of_decisions(before, before ^ row) for i, row in enumerate(changed)}


def _choice(rows: dict[str, Comparison], bound: str) -> str | None:
    """What `select` would ship, everything else being in order."""
    limits = Constraints(max_drop=_BUDGET, bound=bound, points=True, max_bytes=None, max_latency_ms=None)
    candidates = {
        name: Candidate(
            verified=True,
            labelled=True,
            value=None,
            drop=row.drop,
            bound=summary_row.bound(row, bound),
            bytes=number,
            latency_ms=1.0,
        )
        for number, (name, row) in enumerate(rows.items())
    }
    return ranking.choose(candidates, limits, objective="bytes")[0]


if __name__ == "__main__":
    main()
