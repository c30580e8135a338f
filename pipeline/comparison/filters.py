"""Which experiments of many are asked for."""

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence

from pipeline.comparison import parameters, yaml_blocks
from pipeline.comparison.experiments import Experiment, Reference
from pipeline.errors import UserError

# What the points of a sweep are called: the grid, and eight digits of what was set.
_POINT = re.compile(r"(?P<sweep>.+)-[0-9a-f]{8}")


def of_sweep(found: Sequence[Reference], sweep: str) -> list[Reference]:
    """Those whose names begin with the sweep's and a dash, but for the points of another sweep whose name begins so, too."""
    return [
        reference
        for reference in found
        if reference.name.startswith(f"{sweep}-")
        and ((match := _POINT.fullmatch(reference.name)) is None or match["sweep"] == sweep)
    ]


def sweep_of(names: Iterable[str]) -> str | None:
    """The sweep that all names are points of; None when they are not."""
    found = {match["sweep"] if (match := _POINT.fullmatch(name)) else None for name in names}
    return found.pop() if len(found) == 1 else None


def named(found: Sequence[Reference], names: Sequence[str]) -> list[Reference]:
    """Those of these names.

    Raises:
        UserError: when there is none of a name.
    """
    known = [reference.name for reference in found]
    for name in names:
        if name not in known:
            raise UserError(
                f"--names: no experiment {name!r} here{_near(name, known)}; `dvc exp list` lists them, --all-commits takes all"
            )
    return [reference for reference in found if reference.name in names]


def conditions(texts: Sequence[str]) -> dict[str, list[str]]:
    """`calibrate.samples=50` as a name and the values allowed, as `parameters.key` has them; a name twice allows both.

    Raises:
        UserError: when a text is no such condition.
    """
    found: dict[str, list[str]] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise UserError(f"--where: got {text!r}; expected PARAMETER=VALUE, such as calibrate.samples=50")
        try:
            found.setdefault(name, []).append(parameters.key(yaml_blocks.value(value)))
        except ValueError:
            raise UserError(f"--where: {text!r}: the value is no YAML; put text into quotes") from None
    return found


def where(found: Sequence[Experiment], wanted: Mapping[str, Sequence[str]]) -> list[Experiment]:
    """Those whose parameters have one of the values.

    Raises:
        UserError: when none of them has a parameter of that name.
    """
    known = dict.fromkeys(name for experiment in found for name in experiment.params)
    for name in wanted:
        if name not in known:
            ending = [other for other in known if other.endswith(f".{name}")]
            near = f"; did you mean {', '.join(ending[:3])}?" if ending else _near(name, known)
            raise UserError(f"--where: none of these experiments has a parameter {name!r}{near}")
    return [
        experiment
        for experiment in found
        if all(name in experiment.params and parameters.key(experiment.params[name]) in values for name, values in wanted.items())
    ]


def _near(name: str, known: Sequence[str] | Mapping[str, object]) -> str:
    near = difflib.get_close_matches(name, [*known], n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""
