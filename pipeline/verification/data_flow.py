"""Each kernel and each output of the float32 file must read from the same kernels and inputs as in the network."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pipeline.tflite.flatbuffer import Graph
from pipeline.verification import architecture
from pipeline.verification.graph_alignment import Place

# What a tensor is computed from: names of kernels and inputs of the network, and "a loop".
_Origins = frozenset[str]


def faults(graph: Graph, source: Mapping[str, Any], mapped: architecture.Map) -> list[architecture.Fault]:
    """Kernels and outputs that are computed from something else than in the network.

    Args:
        graph: the float32 file.
        source: of `inference_graph.read`.
        mapped: of `architecture.identify`.
    """
    root = architecture.root_scope(source)
    twins = _twins(source["nodes"])
    kernels = {place: twins[node] for place, node in mapped.main.items()}
    wanted, before = _in_network(source, twins, {node for place, node in kernels.items() if place[0] == graph.main})
    found: dict[int, _Origins] = {number: frozenset([f"input {name}"]) for name, number in graph.inputs.items()}
    wrong = []
    for index, operator in enumerate(graph.operators):
        place = (graph.main, index)
        reads = _union(found.get(number) for number in operator.inputs if number >= 0)
        main = kernels.get(place)
        if main in before and reads != before[main]:
            wrong.append(_misfed(place, mapped, root, main, reads, before[main]))
        if operator.name in {"WHILE", *architecture.FUSED_LOOPS}:
            made = frozenset(["a loop"])
        else:
            made = frozenset([main]) if main is not None else reads
        found.update(dict.fromkeys(operator.outputs, made))
    makers = {output: (graph.main, index) for index, operator in enumerate(graph.operators) for output in operator.outputs}
    for name, number in graph.outputs.items():
        if name not in source["outputs"]:
            continue
        origins, expected = found.get(number, frozenset()), wanted[source["outputs"][name].split(":")[0]]
        if origins != expected:
            wrong.append(_misfed(makers.get(number), mapped, root, f"output {name}", origins, expected))
    return wrong


def _in_network(
    source: Mapping[str, Any], twins: Mapping[str, str], kernels: set[str]
) -> tuple[dict[str, _Origins], dict[str, _Origins]]:
    """What each operation of the network is computed from, and what each kernel reads."""
    behind: dict[str, _Origins] = {}
    before: dict[str, _Origins] = {}
    for node in source["nodes"]:
        name = node["name"]
        reads = _union(behind.get(reference.split(":")[0]) for reference in node["inputs"])
        own = {"Placeholder": f"input {name}", **dict.fromkeys(architecture.LOOPS, "a loop")}.get(node["op"])
        behind[name] = frozenset([own]) if own else reads
        if twins[name] in kernels:
            before[twins[name]] = reads
            behind[name] = frozenset([twins[name]])
    return behind, before


def _union(origins: Iterable[_Origins | None]) -> _Origins:
    return frozenset().union(*(entry for entry in origins if entry is not None))


def _twins(nodes: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """For each node the first that computes the same from the same: of these the converter keeps one."""
    first: dict[tuple[Any, ...], str] = {}
    found: dict[str, str] = {}
    for node in nodes:
        name = node["name"]
        entries = (entry.partition(":") for entry in node["inputs"])
        # A loop also reads what its body makes, which stands behind it.
        inputs = tuple(f"{found.get(source, source)}:{number}" for source, _, number in entries)
        own = node.get("path") or (name if not inputs else "")
        found[name] = first.setdefault((node["op"], own, inputs, repr(node["attributes"])), name)
    return found


def _misfed(
    place: Place | None, mapped: architecture.Map, root: str, what: str, found: frozenset[str], wanted: frozenset[str]
) -> architecture.Fault:
    layers = [layer for node in (what, *sorted(found ^ wanted)) for layer in architecture.layers_of(node, mapped, root)]
    reason = f"{what} is computed from {_listed(found)}; expected {_listed(wanted)}"
    return architecture.Fault(place=place, layers=tuple(dict.fromkeys(layers)), reason=reason)


def _listed(names: frozenset[str]) -> str:
    return ", ".join(sorted(names)[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "") or "nothing"
