"""The goals of speed as a table: what was measured, its ratio, and whether the goal is met."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

HEAD = "| what | here | other | ratio | goal | |\n| --- | ---: | ---: | ---: | --- | --- |"


@dataclass(frozen=True)
class Case:
    """Two things measured in turn: one figure of each a round, in the goal's unit.

    `label` says which of several cases of one goal it is, or what was seen; `fault` is a reason for which the goal is missed
    whatever the ratio is; `note` is said among the details only. All may be empty.
    """

    here: Sequence[float]
    other: Sequence[float]
    label: str = ""
    fault: str = ""
    note: str = ""


@dataclass(frozen=True)
class Goal:
    """A ratio and what it is to be.

    `name` is what `--only` takes; `what` and `rival` say what is measured against what; `unit` is that of both figures. The
    ratio is here / other, or other / here where `faster` asks how many times faster it is here. `moonshot` is the goal beyond.
    """

    name: str
    what: str
    rival: str
    unit: Literal["s", "ms", "MB", "samples/s"]
    bound: Literal["at most", "at least"]
    limit: float
    moonshot: float | None = None
    faster: bool = False


# In the order they are measured: what leaves a finished project behind comes before what wants one.
GOALS = (
    Goal(
        name="mobilenetv2",
        what="MobileNetV2 from nothing: float32, float16, dynamic, int8; 100 calibration, 200 evaluation samples",
        rival="the script",
        unit="s",
        bound="at most",
        limit=1.0,
        moonshot=0.6,
    ),
    Goal(
        name="one_more",
        what="one more int8 variant of it to the finished report, everything else cached",
        rival="the script with that one mode",
        unit="s",
        bound="at least",
        limit=3.0,
        moonshot=6.0,
        faster=True,
    ),
    Goal(
        name="digits",
        what="digits from nothing, five variants",
        rival="the script",
        unit="s",
        bound="at most",
        limit=2.5,
        moonshot=1.5,
    ),
    Goal(
        name="limit",
        what="an accuracy limit changed",
        rival="DVC with the empty graph and nothing changed",
        unit="s",
        bound="at most",
        limit=3.0,
    ),
    Goal(
        name="nothing",
        what="nothing changed",
        rival="DVC with the same graph of empty stages",
        unit="s",
        bound="at most",
        limit=1.3,
    ),
    Goal(
        name="stage",
        what="DVC's own cost of a stage with the real graph",
        rival="the empty graph",
        unit="ms",
        bound="at most",
        limit=1.3,
    ),
    Goal(
        name="start",
        what="interpreter start to the first line of work",
        rival="`python -c 'import numpy'`",
        unit="ms",
        bound="at most",
        limit=1.8,
    ),
    Goal(
        name="predict",
        what="`predict`",
        rival="the bare invoke loop on one core × cores",
        unit="samples/s",
        bound="at least",
        limit=0.9,
    ),
    Goal(
        name="calibrate",
        what="`calibrate` with min/max",
        rival="one float pass over the same samples",
        unit="s",
        bound="at most",
        limit=1.5,
    ),
    Goal(
        name="memory",
        what="peak memory at ten times the samples",
        rival="a tenth of them",
        unit="MB",
        bound="at most",
        limit=1.2,
    ),
    Goal(
        name="certificate",
        what="the certificate of a float32 file",
        rival="its conversion",
        unit="s",
        bound="at most",
        limit=0.3,
    ),
    Goal(
        name="beside",
        what="the float32 file run beside the network, once for all variants",
        rival="its conversion",
        unit="s",
        bound="at most",
        limit=0.3,
    ),
    Goal(
        name="certificate_memory",
        what="peak memory of the certificate",
        rival="the file",
        unit="MB",
        bound="at most",
        limit=5.0,
    ),
)


def ratio(goal: Goal, case: Case) -> float:
    """The ratio of the medians."""
    here, other = statistics.median(case.here), statistics.median(case.other)
    return other / here if goal.faster else here / other


def met(goal: Goal, case: Case) -> bool:
    """Whether the ratio as measured, not as printed, keeps the goal, and there is no fault."""
    if case.fault:
        return False
    return ratio(goal, case) <= goal.limit if goal.bound == "at most" else ratio(goal, case) >= goal.limit


def worst(goal: Goal, cases: Sequence[Case]) -> Case:
    """The case that is farthest on the wrong side; one with a fault before all others."""
    wrong = 1 if goal.bound == "at most" else -1
    return max(cases, key=lambda case: (bool(case.fault), wrong * ratio(goal, case)))


def row(goal: Goal, cases: Sequence[Case]) -> str:
    """The row of one goal below `HEAD`, that of its worst case; the cells hold medians, least and greatest."""
    case = worst(goal, cases)
    return _line([_what(goal, case, several=len(cases) > 1), *_figures(goal, case)])


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def details(measured: Sequence[tuple[Goal, Sequence[Case]]]) -> list[str]:
    """A line for each case of the goals that have several."""
    return [
        f"{goal.name}: {case.label}: {here} / {other}, ratio {found}{case.note and f'; {case.note}'}"
        for goal, cases in measured
        if len(cases) > 1
        for case in cases
        for here, other, found, *_ in [_figures(goal, case)]
    ]


def _what(goal: Goal, case: Case, *, several: bool) -> str:
    label = f" ({'worst: ' if several else ''}{case.label})" if case.label else ""
    return f"{goal.what}{label}, against {goal.rival}"


def _figures(goal: Goal, case: Case) -> tuple[str, ...]:
    moonshot = "" if goal.moonshot is None else f" (moonshot {goal.moonshot:g})"
    return (
        spread(case.here, goal.unit),
        spread(case.other, goal.unit),
        f"{ratio(goal, case):.2f}",
        f"{goal.bound} {goal.limit:g}{moonshot}",
        "met" if met(goal, case) else f"missed: {case.fault}" if case.fault else "missed",
    )


def spread(figures: Sequence[float], unit: str) -> str:
    """Median, and the least and greatest in brackets, to three digits: `1.92 s (1.85–2.10)`."""
    middle, least, greatest = (_three(figure) for figure in (statistics.median(figures), min(figures), max(figures)))
    return f"{middle} {unit} ({least}–{greatest})"


def _three(figure: float) -> str:
    for above, decimals in ((100, 0), (10, 1), (1, 2)):
        if abs(figure) >= above:
            return f"{figure:,.{decimals}f}"
    return f"{figure:.3f}"
