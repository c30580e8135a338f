"""Which parameters differ inside a set of experiments, and what to call them."""

import json
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

# Of params.yaml, what follows from the rest, or says which variants there are; `reads` stands inside variants and `evaluate`.
_DERIVED = frozenset({"conf_digest", "checked", "variant_names", "simulation"})
# Sections whose entries have names: one that a point lacks is no value of its parameters.
NAMED = ("variants", "searches")

Point = Mapping[str, Any]  # parameters of one experiment by dotted name


def flat(params: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters by dotted name, as far as they are chosen: without what is derived from others. Lists are values."""
    found: dict[str, Any] = {}

    def walk(node: Mapping[str, Any], before: str) -> None:
        for key, value in node.items():
            name = f"{before}{key}"
            if key == "reads" or name in _DERIVED:
                continue
            if isinstance(value, dict) and value:
                walk(value, f"{name}.")
            elif name not in NAMED:
                found[name] = value

    walk(params, "")
    return found


def swept(points: Sequence[Point]) -> list[str]:
    """The parameters of which two points have different values, in the order of params.yaml.

    What equals another swept parameter in every point (an interpolation of it) is left out. A variant or search that only some
    points have is compared among those.
    """
    entries = [{"", *map(_entry, point)} for point in points]
    names = dict.fromkeys(name for point in points for name in point)
    columns = {
        name: [key(point.get(name)) if _entry(name) in there else None for point, there in zip(points, entries, strict=True)]
        for name in names
    }
    kept: list[str] = []
    for name in sorted(names, key=lambda name: _entry(name) != ""):  # those of all variants first
        same = (other for other in kept if other.split(".")[-1] == name.split(".")[-1])
        if len({*columns[name]} - {None}) > 1 and not any(_same(columns[name], columns[other]) for other in same):
            kept.append(name)
    return [name for name in names if name in kept]


def followers(points: Sequence[Point], names: Sequence[str]) -> dict[str, str]:
    """Of swept parameters, those that another one tells: as often as that has a value, this has the one that goes with it."""
    columns = {name: [key(point.get(name)) for point in points] for name in names}
    found: dict[str, str] = {}
    for place, name in enumerate(names):
        for leader in names[:place]:
            pairs = set(zip(columns[leader], columns[name], strict=True))
            if leader not in found and len(pairs) == len({one for one, _ in pairs}) == len({other for _, other in pairs}):
                found[name] = leader
                break
    return found


def short(names: Sequence[str], *, taken: Sequence[str] = ()) -> dict[str, str]:
    """The shortest ends of dotted names that are unique and not `taken`; the whole name where there is none."""
    parts = {name: name.split(".") for name in names}

    def end(name: str, count: int) -> str:
        return ".".join(parts[name][-count:])

    return {
        name: next(
            (
                end(name, count)
                for count in range(1, len(parts[name]))
                if end(name, count) not in taken
                and not any(other != name and end(other, count) == end(name, count) for other in names)
            ),
            name,
        )
        for name in names
    }


def owner(name: str) -> str | None:
    """The variant that a parameter belongs to alone; None for one of all."""
    section, _, rest = name.partition(".")
    return rest.split(".")[0] if section == "variants" else None


def key(value: Any) -> str:
    """A value as text that is the same for equal values only; a parameter that is absent counts as null."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)


def shown(value: Any) -> str:
    """A value as a person writes it in an override: text bare, lists and mappings as in YAML's flow style."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"[{', '.join(map(shown, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{name}: {shown(entry)}' for name, entry in value.items())}}}"
    return str(value)


@cache
def _entry(name: str) -> str:
    """The variant or search that a parameter is of, as `variants.int8`; nothing for those that every point has."""
    return ".".join(name.split(".")[:2]) if name.startswith(tuple(f"{section}." for section in NAMED)) else ""


def _same(column: Sequence[str | None], other: Sequence[str | None]) -> bool:
    """Whether a column has the values of another wherever it has any."""
    return all(value is None or value == there for value, there in zip(column, other, strict=True))
