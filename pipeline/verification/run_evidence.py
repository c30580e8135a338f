"""What running the parts of a float file beside the network (`conversion_proof`) says about what was read off the two.

Reading recomputes every constant to the last bit, but knows only so many ways a converter has to write something. Running knows all
of them, but sees a constant only as far as it moves a result. So a part that makes what the network makes has no fault in how it is
written, and its constants need no other explanation; but a constant that has one, and is close to it without being it, stays wrong.
"""

import re
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import replace
from typing import Any

import numpy as np

from pipeline.equivalence.conversion_record import DIFFERS, SAME, UNKNOWN, Conversion, Part
from pipeline.tflite import flatbuffer, operators
from pipeline.tflite.flatbuffer import Graph
from pipeline.verification import architecture
from pipeline.verification.constant_origin import Row
from pipeline.verification.graph_alignment import Place
from pipeline.verification.recomputed_value import FOLDED

# A constant this far from its explanation, as a share of its own size, would have changed what running compares
# (`local_comparison.RELATIVE`) even where a thousand others meet it in a sum: it is the explanation that is wrong.
_VISIBLE = 1e-2
# Outputs of a whole file may be apart by so many units: rounding enters at every operator, not at the inputs alone.
_WHOLE = 64.0
# Operators that read few of a table's rows, with the table's slot.
_TABLES = {"GATHER": 0, "GATHER_ND": 0, "EMBEDDING_LOOKUP": 1}
_CALL = re.compile(r"(?:Stateful)?PartitionedCall(?:_\d+)?/")


def operations(part: Part, nodes: Mapping[str, Mapping[str, Any]]) -> set[str]:
    """Names of the network's operations, constants and variables between what a part reads and what it makes.

    Args:
        part: compared.
        nodes: those of `inference_graph.read` by name.
    """
    ends, found = {_node(reference, nodes) for reference in part.reads}, set[str]()
    todo = [_node(reference, nodes) for reference in part.makes]
    while todo:
        name = todo.pop()
        if name in nodes and name not in ends and name not in found:
            found.add(name)
            todo += [reference.split(":")[0] for reference in nodes[name]["inputs"]]
    return found


def _node(reference: str, nodes: Mapping[str, Mapping[str, Any]]) -> str:
    """The node of a reference: `inference_graph.read` leaves out some of the calls around its function."""
    name = reference.split(":")[0]
    while name not in nodes and (call := _CALL.match(name)):
        name = name[call.end() :]
    return name


def places(graph: Graph, part: Part) -> set[Place]:
    """A part's operators, and those of the subgraphs that they run."""
    found = {(graph.main, index) for index in part.operators}
    todo = list(found)
    while todo:
        number, index = todo.pop()
        options = graph.subgraphs[number].operators[index].options
        for inner in (options[key] for key in operators.SUBGRAPH_OPTIONS if isinstance(options.get(key), int)):
            more = {(inner, place) for place in range(len(graph.subgraphs[inner].operators))} - found
            found |= more
            todo += more
    return found


def settled_rows(rows: Sequence[Row], graph: Graph, parts: Sequence[Part], nodes: Mapping[str, Mapping[str, Any]]) -> list[Row]:
    """The rows of constants: those without a fitting explanation pass where the operators that read them make what they should.

    Args:
        rows: of `constant_origin.account`.
        graph: the float file.
        parts: of `conversion_proof.prove`.
        nodes: of the network by name.
    """
    same = {place: part for part in parts if part.verdict == SAME for place in places(graph, part)}
    found = []
    for row in rows:
        part = same.get((row.subgraph, row.operator))
        if not row.passed and part is not None and _shown(row, graph, part):
            variables = sorted({nodes[name]["path"] for name in operations(part, nodes) if nodes[name]["op"] == "Variable"})
            row = replace(
                row,
                passed=True,
                variables=variables,
                kind=FOLDED,
                transformation="computed by the converter",
                reason="makes what the network makes",
                slack=None,
            )
        found.append(row)
    return found


def _shown(row: Row, graph: Graph, part: Part) -> bool:
    """Whether running shows what a constant is, where reading does not explain it."""
    if row.input in operators.of(row.type).structure:
        return True
    if _TABLES.get(row.type) == row.input:
        return False
    explained = bool(row.node) and row.max_error is not None
    if not part.visible and (explained or row.type in operators.LINEAR):
        return False  # a unit behind an activation may be dead: running shows nothing of its weights
    if not explained or row.max_error is None:
        return True
    subgraph = graph.subgraphs[row.subgraph]
    tensor = subgraph.tensors[subgraph.operators[row.operator].inputs[row.input]]
    values = flatbuffer.real(tensor)
    return bool(row.max_error > _VISIBLE * np.sqrt(np.mean(np.square(values))))


def settled_faults(
    faults: Sequence[architecture.Fault],
    rows: Sequence[Row],
    graph: Graph,
    parts: Sequence[Part],
    mapped: architecture.Map,
) -> list[architecture.Fault]:
    """What is wrong with operators: of what was read only where running agrees or could not tell, and what running found.

    Args:
        faults: read off the file.
        rows: of `settled_rows`.
        graph, parts: as there.
        mapped: of `architecture.identify`.
    """
    shown = {place for part in parts if part.verdict == SAME for place in places(graph, part)}
    whole = not any(part.verdict == DIFFERS or (part.verdict == UNKNOWN and not part.operators) for part in parts)
    # Which output is which, no operator alone shows.
    makers = {output: (graph.main, index) for index, operator in enumerate(graph.operators) for output in operator.outputs}
    ends = set() if whole else {makers.get(number) for number in graph.outputs.values()}
    left = [fault for fault in faults if (fault.place not in shown or fault.place in ends) and not (fault.place is None and whole)]
    blamed = {fault.place for fault in left} | {(row.subgraph, row.operator) for row in rows if not row.passed}
    return [*left, *_differing(graph, parts, mapped, blamed)]


def _differing(
    graph: Graph, parts: Sequence[Part], mapped: architecture.Map, blamed: Set[Place | None]
) -> Iterator[architecture.Fault]:
    wrong = [part for part in parts if part.verdict == DIFFERS]
    for part in wrong:
        if not part.operators:
            # Of an output only where nothing before it is to blame.
            if not blamed and not any(other.operators for other in wrong):
                yield architecture.Fault(place=None, layers=(), reason=f"{part.reason} is not what the network makes")
            continue
        if blamed & places(graph, part):
            continue  # reading found the cause
        place = (graph.main, part.operators[-1])
        layers = dict.fromkeys(layer for index in part.operators for layer in mapped.layers.get((graph.main, index), ()))
        names = ", ".join(graph.operators[index].name for index in part.operators)
        yield architecture.Fault(place=place, layers=tuple(layers), reason=f"{names} {part.reason}")


def extended(
    mapped: architecture.Map, graph: Graph, parts: Sequence[Part], nodes: Mapping[str, Mapping[str, Any]], root: str
) -> architecture.Map:
    """The map with the operations that parts were shown to be, whatever the operators are called."""
    found, layers = dict(mapped.nodes), dict(mapped.layers)
    for part in parts:
        if part.verdict == SAME:
            names = operations(part, nodes)
            for place in ((graph.main, index) for index in part.operators):
                found[place] = list(dict.fromkeys((*found.get(place, ()), *sorted(names))))
                layers[place] = [
                    path
                    for path, pattern in mapped.patterns.items()
                    if any(pattern.search(name.removeprefix(root)) for name in found[place])
                ]
    return replace(mapped, nodes=found, layers=layers)


def without_operators(parts: Sequence[Part], nodes: Mapping[str, Mapping[str, Any]]) -> set[str]:
    """Names of the operations of the network that need no operator, as they hand on what they read."""
    return {name for part in parts if part.verdict == SAME and not part.operators for name in operations(part, nodes)}


def variables(parts: Sequence[Part], nodes: Mapping[str, Mapping[str, Any]]) -> frozenset[str]:
    """Paths of the variables behind what parts were shown to make, where running would show a change of them."""
    names = {name for part in parts if part.verdict == SAME and part.visible for name in operations(part, nodes)}
    return frozenset(nodes[name]["path"] for name in names if nodes[name]["op"] == "Variable")


def not_compared(graph: Graph, conversion: Conversion) -> list[str]:
    """Operators that running could not compare, and several samples at once, in words."""
    parts = [
        f"{', '.join(graph.operators[index].name for index in part.operators) or part.reason}"
        for part in conversion.parts
        if part.verdict == UNKNOWN
    ]
    return [*parts, *([f"several samples at once, as LiteRT refuses them ({conversion.alone})"] if conversion.alone else [])]


def outputs(conversion: Conversion) -> Iterator[str]:
    """What is wrong, in words, with what the whole file makes."""
    for name in _apart(conversion.kernels):
        yield f"output {name}: LiteRT makes something else with XNNPACK than with its built-in kernels, or nothing"
    for name in _apart(conversion.together):
        yield f"output {name}: the batch is free, but of several samples at once the file makes something else than the network"
    for name in _apart(conversion.lengths):
        yield f"output {name}: lengths are free, but with others the file makes something else than the network"


def _apart(compared: Mapping[str, float | None]) -> list[str]:
    return [name for name, excess in compared.items() if excess is None or excess > _WHOLE]
