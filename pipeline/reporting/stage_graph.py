"""The stages of dvc.yaml as a picture: which stage reads what another writes."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

_WIDTH, _HEIGHT, _GAP_X, _GAP_Y = 98, 30, 32, 14
_THROUGH = 4  # height of a line that passes a column


def edges(stages: Mapping[str, Mapping[str, Any]], variants: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """For each stage those that read what it writes, without the ways that a longer one implies.

    Args:
        stages: `stages` of dvc.yaml; those over an empty list are to be left out before.
        variants: of the configuration; the paths in their `reads` stand for `${item.reads...}`.

    Returns:
        Names of the readers by stage, in the order of dvc.yaml.
    """
    bodies = {name: stage.get("do", stage) for name, stage in stages.items()}
    writes = {
        name: [_fixed(_path(entry)) for kind in ("outs", "metrics", "plots") for entry in body.get(kind, [])]
        for name, body in bodies.items()
    }
    reads: dict[str, list[str]] = {}
    for name, body in bodies.items():
        reads[name] = []
        for entry in map(_path, body.get("deps", [])):
            if entry.startswith("${item.reads."):
                slot = entry.removeprefix("${item.reads.").removesuffix("}")
                reads[name] += [str(variant["reads"][slot]) for variant in variants]
            else:
                reads[name].append(_fixed(entry))
    direct = {
        name: [other for other in bodies if other != name and any(_meet(out, dep) for out in writes[name] for dep in reads[other])]
        for name in bodies
    }
    reach: dict[str, set[str]] = {}

    def reachable(name: str) -> set[str]:
        if name not in reach:
            reach[name] = set().union(*({other} | reachable(other) for other in direct[name]))
        return reach[name]

    return {name: [other for other in found if not any(other in reachable(via) for via in found)] for name, found in direct.items()}


def svg(graph: Mapping[str, Sequence[str]], repeated: Mapping[str, int]) -> str:
    """Boxes in columns from what is first to what is last, and lines between them that pass beside the boxes.

    Args:
        graph: of `edges`.
        repeated: how often a stage exists, for stages that exist once for each variant.
    """
    column = _columns(graph)
    # A line over several columns takes a place of its own in those between.
    routes: dict[tuple[str, str], list[Any]] = {
        (name, other): [name, *((name, other, step) for step in range(column[name] + 1, column[other])), other]
        for name, after in graph.items()
        for other in after
    }
    items: dict[int, list[Any]] = {number: [] for number in range(max(column.values()) + 1)}
    for name in graph:
        items[column[name]].append(name)
    for route in routes.values():
        for step in route[1:-1]:
            items[step[2]].append(step)
    center: dict[Any, float] = {}
    for number, found in items.items():
        before = {item: [center[route[route.index(item) - 1]] for route in routes.values() if item in route[1:]] for item in found}
        if number:
            found.sort(key=lambda item: sum(before[item]) / len(before[item]) if before[item] else 0.0)
        top = -sum(_tall(item) + _GAP_Y for item in found) / 2
        for item in found:
            center[item] = top + _tall(item) / 2
            top += _tall(item) + _GAP_Y
    shift = 2 - min(center[item] - _tall(item) / 2 for item in center)
    width = len(items) * (_WIDTH + _GAP_X) - _GAP_X + 4
    height = max(center[item] + _tall(item) / 2 for item in center) + shift + 2
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height:g}" width="{width}" class="stages">']
    for route in routes.values():
        x, y = column[route[0]] * (_WIDTH + _GAP_X) + 2 + _WIDTH, center[route[0]] + shift
        line = f"M{x:g} {y:g}"
        for item in route[1:]:
            to = center[item] + shift
            line += f"C{x + _GAP_X / 2:g} {y:g} {x + _GAP_X / 2:g} {to:g} {x + _GAP_X:g} {to:g}"
            x, y = x + _GAP_X + _WIDTH, to
            line += f"H{x:g}" if item != route[-1] else ""
        parts.append(f'<path d="{line}"/>')
    for name in graph:
        x, y = column[name] * (_WIDTH + _GAP_X) + 2, center[name] + shift
        text = f"{name} ×{repeated[name]}" if name in repeated else name
        parts.append(f'<rect x="{x:g}" y="{y - _HEIGHT / 2:g}" width="{_WIDTH}" height="{_HEIGHT}" rx="6"/>')
        parts.append(f'<text x="{x + _WIDTH / 2:g}" y="{y + 4:g}">{escape(text)}</text>')
    return "".join([*parts, "</svg>"])


def _columns(graph: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """The column of each stage: right of all it reads from; what reads nothing stands right before what reads it."""
    column: dict[str, int] = {}

    def place(name: str) -> int:
        if name not in column:
            column[name] = max((place(before) + 1 for before, after in graph.items() if name in after), default=0)
        return column[name]

    for name in graph:
        place(name)
    for name, after in graph.items():
        if after and not any(name in others for others in graph.values()):
            column[name] = min(column[other] for other in after) - 1
    first = min(column.values())
    return {name: number - first for name, number in column.items()}


def _tall(item: Any) -> int:
    return _HEIGHT if isinstance(item, str) else _THROUGH


def _path(entry: Any) -> str:
    return entry if isinstance(entry, str) else str(next(iter(entry)))


def _fixed(path: str) -> str:
    """The part of a path before its first interpolation."""
    return path.split("${")[0].rstrip("/")


def _meet(out: str, dep: str) -> bool:
    """Whether one is the other or lies in it; what is nothing but an interpolation meets nothing."""
    if not out or not dep:
        return False
    a, b = out.split("/"), dep.split("/")
    shared = min(len(a), len(b))
    return a[:shared] == b[:shared]
