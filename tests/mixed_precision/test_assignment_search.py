"""The search, on figures that are known: additive noise and costs, and tables that are neither."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.mixed_precision import assignment_search

CHOICES = ("int4", "int8", "float32")


def run(
    cost: dict[assignment_search.Assignment, float],
    noise: dict[assignment_search.Assignment, float],
    budget: float,
    trials: int = 10_000,
) -> tuple[assignment_search.Found, list[assignment_search.Assignment]]:
    """A search over tables, and what it measured."""
    units = len(next(iter(cost)))
    nothing = ("float32",) * units
    measured: list[assignment_search.Assignment] = []

    def measure(assignment: assignment_search.Assignment) -> dict[str, float]:
        measured.append(assignment)
        return {"noise": noise[assignment]}

    alone = [{name: (*nothing[:i], name, *nothing[i + 1 :]) for name in CHOICES} for i in range(units)]
    found = assignment_search.find(
        [CHOICES] * units,
        noise=[{name: noise[assignment] for name, assignment in row.items()} for row in alone],
        saving=[{name: cost[nothing] - cost[assignment] for name, assignment in row.items()} for row in alone],
        cost=cost.__getitem__,
        measure=measure,
        violation=lambda figures: max(0.0, figures["noise"] - budget),
        trials=trials,
    )
    return found, measured


def tables(
    seed: int, units: int, *, additive: bool
) -> tuple[dict[assignment_search.Assignment, float], dict[assignment_search.Assignment, float]]:
    rng = np.random.default_rng(seed)
    saved = np.sort(rng.uniform(1, 100, (units, 3)))
    added = np.sort(rng.uniform(0, 10, (units, 3)))[:, ::-1]
    added[:, 2] = 0  # float32 adds no noise
    cost, noise = {}, {}
    for assignment in itertools.product(CHOICES, repeat=units):
        places = [CHOICES.index(name) for name in assignment]
        cost[assignment] = float(sum(saved[i, place] for i, place in enumerate(places)))
        noise[assignment] = float(sum(added[i, place] for i, place in enumerate(places)))
        if not additive:
            cost[assignment] += float(3 * sum(a != b for a, b in itertools.pairwise(assignment)))
            noise[assignment] *= float(rng.uniform(0.9, 1.1)) if len(set(assignment)) > 1 else 1.0
    return cost, noise


def kept(
    seed: int, units: int, budget: float, *, additive: bool
) -> tuple[assignment_search.Found, dict[assignment_search.Assignment, float]]:
    """A finished search that keeps its budget, and the costs of all assignments that do."""
    cost, noise = tables(seed, units, additive=additive)
    found, _ = run(cost, noise, budget)
    assert found.met
    assert found.finished
    assert noise[found.assignment] <= budget
    return found, {assignment: value for assignment, value in cost.items() if noise[assignment] <= budget}


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 4), st.floats(0, 25), st.booleans())
def test_of_few_operators_the_result_is_the_best_of_all(seed: int, units: int, budget: float, additive: bool) -> None:
    found, cost = kept(seed, units, budget, additive=additive)
    assert cost[found.assignment] == min(cost.values())


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(5, 6), st.floats(0, 35), st.booleans())
def test_of_more_operators_no_change_of_one_is_better(seed: int, units: int, budget: float, additive: bool) -> None:
    found, cost = kept(seed, units, budget, additive=additive)
    neighbours = [(*found.assignment[:i], name, *found.assignment[i + 1 :]) for i in range(units) for name in CHOICES]
    others = [*neighbours, *((name,) * units for name in CHOICES)]
    assert cost[found.assignment] == min(cost[other] for other in others if other in cost)


def test_most_results_are_the_best_of_all() -> None:
    exact = 0
    for seed in range(40):
        cost, noise = tables(seed, 5, additive=True)
        found, _ = run(cost, noise, 8.0)
        exact += cost[found.assignment] == min(cost[assignment] for assignment in cost if noise[assignment] <= 8.0)
    assert exact >= 36


def test_a_candidate_is_measured_once_and_the_path_only_improves() -> None:
    cost, noise = tables(3, 4, additive=False)
    found, measured = run(cost, noise, 6.0)
    assert len(measured) == len(set(measured)) == found.trials
    ranks = [(max(0.0, row.figures["noise"] - 6.0), row.cost) for row in found.path]
    assert ranks == sorted(ranks, reverse=True)
    assert found.path[-1].cost == cost[found.assignment]


def test_more_trials_go_on_along_the_same_path() -> None:
    cost, noise = tables(5, 4, additive=False)
    whole, order = run(cost, noise, 6.0)
    for trials in range(1, whole.trials):
        part, measured = run(cost, noise, 6.0, trials=trials)
        assert measured == order[:trials]
        assert not part.finished
        assert part.path == whole.path[: len(part.path)]


def test_a_budget_that_nothing_keeps_gives_the_nearest() -> None:
    cost, noise = tables(0, 3, additive=True)
    noise = {assignment: value + 1 for assignment, value in noise.items()}
    found, _ = run(cost, noise, 0.5)
    assert not found.met
    assert noise[found.assignment] == 1
    assert found.assignment == ("float32",) * 3


def test_no_trials_is_a_bug() -> None:
    cost, noise = tables(0, 2, additive=True)
    with pytest.raises(ValueError, match="at least one trial"):
        run(cost, noise, 1.0, trials=0)


def test_uniform_falls_to_the_next_choice_that_an_operator_has() -> None:
    choices = [("a", "b", "c"), ("b", "c"), ("c",)]
    assert assignment_search.uniform(choices) == [("a", ("a", "b", "c")), ("b", ("b", "b", "c")), ("c", ("c", "c", "c"))]


def test_the_frontier_takes_the_most_noise_away_for_what_it_costs() -> None:
    noise = [{"int4": 9.0, "float32": 0.0}, {"int4": 2.0, "float32": 0.0}]
    saving = [{"int4": 10.0, "float32": 0.0}, {"int4": 1.0, "float32": 0.0}]
    line = list(assignment_search.frontier([("int4", "float32")] * 2, noise=noise, saving=saving))
    # 2 for 1 before 9 for 10
    assert line == [("int4", "int4"), ("int4", "float32"), ("float32", "float32")]
