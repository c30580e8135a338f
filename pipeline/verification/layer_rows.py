"""What became of each layer of the network: which operators carry it, what it was fused into, or why it is gone."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pipeline.tflite.flatbuffer import Graph
from pipeline.verification import architecture
from pipeline.verification.graph_alignment import Place

# Operations that move values or name them: nothing is lost when a converter does not need them.
_MOVES = frozenset(
    ("Reshape", "Squeeze", "ExpandDims", "Transpose", "Identity", "Cast", "Shape", "StridedSlice", "Pack", "ConcatV2", "Pad")
)


def rows(
    graph: Graph, source: Mapping[str, Any], layers: Sequence[Mapping[str, Any]], mapped: architecture.Map, constant: Iterable[str]
) -> list[dict[str, Any]]:
    """A row for each layer: `path`, `class`, `parameters`, `how`, `operators` (places), `passed`, `reason`.

    Args:
        graph: the float32 file.
        source: of `inference_graph.read`.
        layers: `path`, `class`, `parameters` of each.
        mapped: of `architecture.identify`.
        constant: names of the operations that depend on constants only.
    """
    constants = set(constant)
    root = architecture.root_scope(source)
    rows = []
    for layer in layers:
        path = layer["path"]
        calls = _calls(mapped.patterns[path], source, root)
        places = [place for place, paths in mapped.layers.items() if path in paths]
        missing = [call for call, nodes in calls.items() if not _present(call, nodes, mapped, constants)]
        row: dict[str, Any] = {key: layer[key] for key in ("path", "class", "parameters")}
        row |= {"operators": places, "calls": len(calls), "passed": not missing}
        if not calls:
            row |= {"how": "absent", "reason": "computes nothing at inference"}
        elif missing:
            row |= {"how": "missing", "reason": f"no operator carries {', '.join(missing)}"}
        elif not places:
            row |= {"how": "absent", "reason": "only moves or renames values, or is constant"}
        else:
            row |= _how(path, places, graph, mapped, root)
        rows.append(row)
    return rows


def _calls(pattern: re.Pattern[str], source: Mapping[str, Any], root: str) -> dict[str, list[Mapping[str, Any]]]:
    """The operations of each call of a layer, by the call's scope."""
    calls: dict[str, list[Mapping[str, Any]]] = {}
    for node in source["nodes"]:
        found = pattern.search(node["name"].removeprefix(root))
        if found and node["op"] not in architecture.DATA:
            offset = len(root) if node["name"].startswith(root) else 0
            calls.setdefault(node["name"][: offset + found.end()], []).append(node)
    return calls


def _present(call: str, nodes: Sequence[Mapping[str, Any]], mapped: architecture.Map, constants: set[str]) -> bool:
    """Whether a call of a layer is carried by an operator, or needs none."""
    if any(name.startswith(call) for names in mapped.nodes.values() for name in names):
        return True
    return all(node["op"] in _MOVES or node["name"] in constants for node in nodes)


def _how(path: str, places: Sequence[Place], graph: Graph, mapped: architecture.Map, root: str) -> dict[str, str]:
    """Present as operators of its own, or folded or fused into those of another layer."""
    pattern = mapped.patterns[path]
    own, hosts = [], []
    for place in places:
        operator = graph.subgraphs[place[0]].operators[place[1]].name
        main = mapped.main.get(place)
        first = mapped.layers[place][0] if mapped.layers[place] else path
        if (main is not None and pattern.search(main.removeprefix(root))) or (
            main is None and (len(mapped.layers[place]) == 1 or first == path)
        ):
            own.append(operator)
        else:
            inner = [
                other
                for other in mapped.layers[place]
                if other != path and main is not None and mapped.patterns[other].search(main.removeprefix(root))
            ]
            hosts.append(f"{operator} of {inner[-1] if inner else first}")
    if own:
        return {"how": "present", "reason": f"present as {', '.join(dict.fromkeys(own))}"}
    return {"how": "fused", "reason": f"part of {', '.join(dict.fromkeys(hosts))}"}
