"""The stages of dvc.yaml as a picture: which stage reads what another writes."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

_WIDTH, _HEIGHT, _GAP_X, _GAP_Y = 92, 30, 34, 16


def edges(stages: Mapping[str, Mapping[str, Any]], variants: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """For each stage those that read what it writes, without the ways that a longer one implies.

    Args:
        stages: `stages` of dvc.yaml.
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
    """Boxes in columns from what is first to what is last, and curves between them.

    Args:
        graph: of `edges`.
        repeated: how often a stage exists, for stages that exist once for each variant.
    """
    column: dict[str, int] = {}

    def place(name: str) -> int:
        if name not in column:
            column[name] = max((place(before) + 1 for before, after in graph.items() if name in after), default=0)
        return column[name]

    for name in graph:
        place(name)
    # A stage that nothing feeds stands right before what it feeds, not far left of it.
    for name, after in graph.items():
        if after and not any(name in others for others in graph.values()):
            column[name] = min(column[other] for other in after) - 1
    first = min(column.values())
    columns: dict[int, list[str]] = {}
    for name in graph:
        columns.setdefault(column[name] - first, []).append(name)
    tallest = max(map(len, columns.values()))
    height = tallest * (_HEIGHT + _GAP_Y) + _GAP_Y
    width = (max(columns) + 1) * (_WIDTH + _GAP_X) - _GAP_X + 4
    corner = {
        name: (2 + number * (_WIDTH + _GAP_X), (height - len(names) * (_HEIGHT + _GAP_Y) + _GAP_Y) / 2 + row * (_HEIGHT + _GAP_Y))
        for number, names in columns.items()
        for row, name in enumerate(names)
    }
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height:g}" width="{width}" class="stages">']
    for name, after in graph.items():
        for other in after:
            x0, y0, x1, y1 = (
                corner[name][0] + _WIDTH,
                corner[name][1] + _HEIGHT / 2,
                corner[other][0],
                corner[other][1] + _HEIGHT / 2,
            )
            middle = (x0 + x1) / 2
            parts.append(f'<path d="M{x0:g} {y0:g}C{middle:g} {y0:g} {middle:g} {y1:g} {x1:g} {y1:g}"/>')
    for name, (x, y) in corner.items():
        text = f"{name} ×{repeated[name]}" if name in repeated else name
        parts.append(f'<rect x="{x:g}" y="{y:g}" width="{_WIDTH}" height="{_HEIGHT}" rx="6"/>')
        parts.append(f'<text x="{x + _WIDTH / 2:g}" y="{y + _HEIGHT / 2 + 4:g}">{escape(text)}</text>')
    return "".join([*parts, "</svg>"])


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
