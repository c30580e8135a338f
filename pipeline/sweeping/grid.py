"""A grid: values for each of several options, and its points, which are all combinations."""

from collections.abc import Iterable, Sequence
from typing import Any

from pipeline.errors import UserError

# The overrides of one experiment, as `dvc exp run -S` takes them.
Point = tuple[str, ...]


def overrides(grid: Any, *, source: str) -> list[str]:
    """A grid as Hydra's choice sweeps: `calibrate.samples=50,200`.

    Args:
        grid: values by override, each a list that is not empty.
        source: where it comes from, for the message.

    Raises:
        UserError: when it is no such mapping.
    """
    if not isinstance(grid, dict) or not grid or not all(isinstance(values, list) and values for values in grid.values()):
        raise UserError(f"{source}: expected lists of values by override, such as `calibrate.samples: [50, 200]`")
    return [f"{key}={','.join('null' if value is None else str(value) for value in values)}" for key, values in grid.items()]


def points(sweeps: Sequence[str], *, source: str) -> list[Point]:
    """Every combination, each once, in the order that Hydra gives: the last option varies first.

    Args:
        sweeps: overrides with one value or several, as of `overrides`.
        source: where they come from, for the message.

    Raises:
        UserError: when one is not in Hydra's grammar.
    """
    from dvc.exceptions import InvalidArgumentError
    from dvc.utils.hydra import get_hydra_sweeps
    from hydra.errors import HydraException

    try:
        expanded = get_hydra_sweeps({"params.yaml": list(sweeps)})
    except (HydraException, InvalidArgumentError) as error:
        said = str(error).splitlines()[0]
        raise UserError(f"{source}: {said}; expected OPTION=VALUE,VALUE as `dvc exp run -S` takes it") from None
    return list(dict.fromkeys(tuple(point["params.yaml"]) for point in expanded))


def covering(grid_points: Iterable[Point]) -> list[Point]:
    """A few of the points in which every value occurs: what is wrong with a value is wrong in one of these."""
    seen, found = set[str](), []
    for point in grid_points:
        if not seen.issuperset(point):
            seen.update(point)
            found.append(point)
    return found
