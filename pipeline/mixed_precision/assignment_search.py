"""Searching for a scheme for each operator: the cheapest assignment that keeps a budget. Knows no file formats and no networks.

Greedy from sensitivity, then local improvement, and where there are few assignments all that are cheaper. The noise that each
operator adds alone predicts what an assignment adds, as noise powers of independent sources add up (after Dong et al. 2019, HAWQ,
who order layers so); every prediction is then measured.
There is nothing random in it: the same figures give the same path.
"""

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

Assignment = tuple[str, ...]
Figures = Mapping[str, Any]
FLOAT = "float32"
# How many changes of one operator, and of two at once, are looked at in a round: the most promising ones. Networks of up to
# twenty operators have no more changes of one.
_CHANGES, _EXCHANGES = 100, 100
# A network of few operators, with no more assignments than this, is searched to the end: its result is the best of all.
_ALL = 100


class Improvement(NamedTuple):
    """A candidate that was better than all before it: its number among the trials, how it came up, its cost and its figures."""

    trial: int
    move: str
    cost: float
    figures: Figures


class Found(NamedTuple):
    """The result of a search.

    Attributes:
        assignment: the cheapest that keeps the budget, else the nearest to keeping it.
        met: whether it keeps the budget.
        finished: nothing more to try; False when the trials ran out.
        trials: candidates measured.
        path: every improvement, the last of the assignment itself.
    """

    assignment: Assignment
    met: bool
    finished: bool
    trials: int
    path: list[Improvement]


class _OutOfTrials(Exception):
    """The limit is reached."""


def find(
    choices: Sequence[Sequence[str]],
    *,
    noise: Sequence[Mapping[str, float]],
    saving: Sequence[Mapping[str, float]],
    cost: Callable[[Assignment], float],
    measure: Callable[[Assignment], Figures],
    violation: Callable[[Figures], float],
    trials: int,
) -> Found:
    """Search.

    Args:
        choices: for each operator the schemes it may get, at least one.
        noise: for each operator and choice the noise power it adds alone, 0 for none.
        saving: for each operator and choice what it alone takes off the cost.
        cost: of an assignment; cheap to ask.
        measure: figures of an assignment; expensive, asked once for each.
        violation: by how much figures miss the budget; 0 when they keep it.
        trials: assignments to measure at most.
    """
    seen: dict[Assignment, Figures] = {}
    path: list[Improvement] = []
    best: tuple[float, float, Assignment] | None = None

    def keeps(candidate: Assignment, move: str) -> bool:
        nonlocal best
        if candidate not in seen:
            if len(seen) >= trials:
                raise _OutOfTrials
            seen[candidate] = measure(candidate)
            rank = (violation(seen[candidate]), cost(candidate), candidate)
            if best is None or rank < best:
                best = rank
                path.append(Improvement(len(seen), move, rank[1], seen[candidate]))
        return violation(seen[candidate]) == 0

    finished = False
    try:
        # The same scheme everywhere: the cheapest that keeps the budget is where to start.
        for name, candidate in sorted(uniform(choices), key=lambda pair: (cost(pair[1]), pair[1])):
            if keeps(candidate, f"all {name}"):
                break
        # The frontier that sensitivity predicts, from the cheapest to the most accurate.
        line = list(frontier(choices, noise=noise, saving=saving))
        low, high = 0, len(line) - 1
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if keeps(line[middle], "frontier of sensitivity") else (middle + 1, high)
        keeps(line[low], "frontier of sensitivity")
        improved = True
        while best is not None and best[0] == 0 and improved:
            start = best
            for move, candidate in _moves(start[2], choices, noise=noise, saving=saving):
                if cost(candidate) < start[1] and keeps(candidate, move):
                    break
            improved = best < start
        if math.prod(map(len, choices)) <= _ALL:
            for candidate in sorted(itertools.product(*choices), key=lambda one: (cost(one), one)):
                if keeps(candidate, "every assignment"):
                    break
        finished = True
    except _OutOfTrials:
        pass
    if best is None:
        raise ValueError("a search needs at least one trial")
    return Found(assignment=best[2], met=best[0] == 0, finished=finished, trials=len(seen), path=path)


def uniform(choices: Sequence[Sequence[str]]) -> list[tuple[str, Assignment]]:
    """For each scheme that occurs: every operator has it, or else the next that it may have, in the order of the list."""
    names = list(dict.fromkeys(name for unit in choices for name in unit))
    found: dict[Assignment, str] = {}
    for name in names:
        order = [*names[names.index(name) :], *names[: names.index(name)]]
        found.setdefault(tuple(next(other for other in order if other in unit) for unit in choices), name)
    return [(name, assignment) for assignment, name in found.items()]


def frontier(
    choices: Sequence[Sequence[str]], *, noise: Sequence[Mapping[str, float]], saving: Sequence[Mapping[str, float]]
) -> Iterator[Assignment]:
    """From the cheapest choices to the least noise, each time the most noise removed for what it costs."""
    current = tuple(max(unit, key=lambda name, i=i: (saving[i][name], -noise[i][name])) for i, unit in enumerate(choices))  # type: ignore[misc]
    yield current
    while True:
        moves = [
            ((noise[i][current[i]] - noise[i][name]) / max(saving[i][current[i]] - saving[i][name], 1e-12), -i, name)
            for i, unit in enumerate(choices)
            for name in unit
            if noise[i][name] < noise[i][current[i]]
        ]
        if not moves:
            return
        _, unit, name = max(moves)
        current = _changed(current, -unit, name)
        yield current


def _moves(
    current: Assignment,
    choices: Sequence[Sequence[str]],
    *,
    noise: Sequence[Mapping[str, float]],
    saving: Sequence[Mapping[str, float]],
) -> list[tuple[str, Assignment]]:
    """Changes of one operator and of two at once, the most promising first.

    First those that should add no noise, by what they save; then by the noise they should add for what they save; last changes
    of one operator that promise no saving, as what operators cost together is not always the sum.
    """

    def rank(gain: float, added: float) -> tuple[int, float]:
        return (2, added) if gain <= 0 else (1, added / gain) if added > 0 else (0, -gain)

    ones = [
        (name, i, saving[i][name] - saving[i][current[i]], noise[i][name] - noise[i][current[i]])
        for i, unit in enumerate(choices)
        for name in unit
        if name != current[i] and math.isfinite(noise[i][name])
    ]
    single = sorted((rank(gain, added), ((i, name),)) for name, i, gain, added in ones)[:_CHANGES]
    double = sorted(
        (rank(gain + gain_2, added + added_2), ((i, name), (j, name_2)))
        for (name, i, gain, added), (name_2, j, gain_2, added_2) in itertools.combinations(ones, 2)
        if i != j and gain + gain_2 > 0
    )[:_EXCHANGES]
    found = []
    for _, changes in sorted([*single, *double]):
        candidate = current
        for unit, name in changes:
            candidate = _changed(candidate, unit, name)
        found.append((" and ".join(f"operator {unit}: {name}" for unit, name in changes), candidate))
    return found


def _changed(assignment: Assignment, unit: int, name: str) -> Assignment:
    return (*assignment[:unit], name, *assignment[unit + 1 :])
