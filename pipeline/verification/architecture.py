"""Which operation and which layers of the network each operator of the float32 file stands for.

It is read off the names that the converter gives. What does not depend on names is checked against the network's own graph:
activations, strides and paddings (`operator_faults`), and which kernels each kernel reads from (`data_flow`).
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.tflite import operators
from pipeline.tflite.flatbuffer import Graph
from pipeline.tflite.layer_names import scope
from pipeline.verification.constant_origin import Row
from pipeline.verification.graph_alignment import Place

DATA = frozenset(("Variable", "Const", "Placeholder", "LoopArgument"))
LOOPS = frozenset(("While", "StatelessWhile"))
# What a loop becomes; the fused ones hold the gates' activations within.
FUSED_LOOPS = operators.RECURRENT


@dataclass(frozen=True, kw_only=True)
class Fault:
    """Something wrong with the operator at `place` (None: with the graph as a whole), and the layers concerned."""

    place: Place | None
    layers: tuple[str, ...]
    reason: str


@dataclass(frozen=True, kw_only=True)
class Map:
    """Which operation of the network's graph each operator of the float32 file stands for.

    Attributes:
        nodes: names of operations by operator, from names of tensors and from constants.
        layers: paths of layers by operator, in the order of the network.
        main: the operation whose kernel the operator holds.
        patterns: what to search a name for, for every layer's path.
    """

    nodes: dict[Place, list[str]]
    layers: dict[Place, list[str]]
    main: dict[Place, str]
    patterns: dict[str, re.Pattern[str]]


def identify(graph: Graph, source: Mapping[str, Any], layer_paths: Sequence[str], rows: Iterable[Row], *, numbered: bool) -> Map:
    """Find the operations and layers behind each operator.

    Args:
        graph: the float32 file.
        source: of `inference_graph.read`.
        layer_paths: every layer's path, outer layers first.
        rows: of `constant_origin.account` for the same file.
        numbered: Keras 3 made the names (`layer_names.scope`).
    """
    nodes = _named_nodes(graph, source)
    main: dict[Place, str] = {}
    for row in rows:
        place = (row.subgraph, row.operator)
        if row.node and row.kind != "converter":
            nodes[place] += [row.node, *row.operations]
            if row.type in operators.LINEAR and row.input == operators.LINEAR[row.type].kernel:
                main[place] = row.node
    patterns = {path: scope(path, numbered=numbered) for path in layer_paths}
    root = root_scope(source)
    layers = {
        place: [path for path, pattern in patterns.items() if any(pattern.search(name.removeprefix(root)) for name in names)]
        for place, names in nodes.items()
    }
    return Map(
        nodes={place: list(dict.fromkeys(names)) for place, names in nodes.items()},
        layers=layers,
        main=main,
        patterns=patterns,
    )


def _named_nodes(graph: Graph, source: Mapping[str, Any]) -> dict[Place, list[str]]:
    """The operations that the names of each operator's outputs tell."""
    known = {node["name"] for node in source["nodes"]}
    # The last tensors carry the signature's names instead of their operations'.
    aliases = {number: source["outputs"][name].split(":")[0] for name, number in graph.outputs.items() if name in source["outputs"]}
    nodes: dict[Place, list[str]] = {}
    for number, subgraph in enumerate(graph.subgraphs):
        for index, operator in enumerate(subgraph.operators):
            found = nodes.setdefault((number, index), [])
            for output in operator.outputs:
                if number == graph.main and output in aliases:
                    found.append(aliases[output])
                for name in subgraph.tensors[output].name.split(";"):
                    bare = name.rstrip("0123456789")
                    found.append(bare if name not in known and bare in known else name)
    return nodes


def root_scope(source: Mapping[str, Any]) -> str:
    """The scope that all operations share: the network's own name, which a layer may have, too. "" when there is none."""
    scopes = {node["name"].split("/")[0] for node in source["nodes"] if node["op"] not in DATA}
    return f"{scopes.pop()}/" if len(scopes) == 1 else ""


def layers_of(name: str, mapped: Map, root: str) -> tuple[str, ...]:
    """Paths of the layers that an operation belongs to; `root`: of `root_scope`."""
    return tuple(path for path, pattern in mapped.patterns.items() if pattern.search(name.removeprefix(root)))
