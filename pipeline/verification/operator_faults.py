"""Activations, strides and paddings of the float32 file against the network's own graph."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pipeline.tflite.flatbuffer import Graph, Operator
from pipeline.verification import architecture
from pipeline.verification.graph_alignment import Place

# What may carry an activation of the network: an operator of its own, the fused activation of another, or a pattern around it.
_ACTIVATIONS: dict[str, frozenset[str]] = {
    "Relu": frozenset(("RELU", "RELU_0_TO_1", "PRELU", "LEAKY_RELU", "RELU6")),
    "Relu6": frozenset(("RELU6", "HARD_SWISH")),
    "Softmax": frozenset(("SOFTMAX",)),
    "Sigmoid": frozenset(("LOGISTIC",)),
    "Tanh": frozenset(("TANH", "GELU")),
    "Elu": frozenset(("ELU",)),
    "LeakyRelu": frozenset(("LEAKY_RELU",)),
}
_CARRIERS = frozenset().union(*_ACTIVATIONS.values()) - {"PRELU", "LEAKY_RELU", "GELU", "HARD_SWISH"}
_POOLS = {"MaxPool": "MAX_POOL_2D", "AvgPool": "AVERAGE_POOL_2D"}
_STRIDED = frozenset(("Conv2D", "DepthwiseConv2dNative", "Conv2DBackpropInput"))
_PADDINGS = {"SAME": 0, "VALID": 1}


def activations(graph: Graph, source: Mapping[str, Any], mapped: architecture.Map) -> list[architecture.Fault]:
    """Activations of the network that no operator carries, and those of the file that are not the network's.

    Args:
        graph: the float32 file.
        source: of `inference_graph.read`.
        mapped: of `architecture.identify`.
    """
    by_node: dict[str, list[Place]] = {}
    for place, names in mapped.nodes.items():
        for name in names:
            by_node.setdefault(name, []).append(place)
    faults: list[architecture.Fault] = []
    claimed: set[Place] = set()
    unnamed: list[Mapping[str, Any]] = []
    for node in source["nodes"]:
        if node["op"] not in _ACTIVATIONS:
            continue
        places = by_node.get(node["name"], [])
        fitting = [place for place in places if _does(graph, place) & _ACTIVATIONS[node["op"]]]
        claimed.update(fitting)
        if not places:
            unnamed.append(node)
        elif not fitting:
            does = sorted(set().union(*(_does(graph, place) for place in places)) & _CARRIERS) or ["no activation"]
            faults.append(
                _fault(places[0], mapped, f"{node['op']} ({node['name']}) is carried by an operator with {', '.join(does)}")
            )
        faults += _slopes(node, fitting, graph, mapped)
    free = [place for place in mapped.nodes if place not in claimed and _does(graph, place) & _CARRIERS]
    faults += _unnamed(unnamed, free, graph, source, mapped)
    return [*faults, *_strangers(free, {fault.place for fault in faults}, graph, source, mapped)]


def _fault(place: Place, mapped: architecture.Map, reason: str) -> architecture.Fault:
    return architecture.Fault(place=place, layers=tuple(mapped.layers[place]), reason=reason)


def _slopes(
    node: Mapping[str, Any], places: Sequence[Place], graph: Graph, mapped: architecture.Map
) -> Iterator[architecture.Fault]:
    if node["op"] != "LeakyRelu":
        return
    wanted = node["attributes"]["alpha"]
    for place in places:
        alpha = graph.subgraphs[place[0]].operators[place[1]].options.get("alpha")
        if alpha is not None and abs(alpha - wanted) > 1e-6:
            yield _fault(place, mapped, f"LeakyRelu ({node['name']}) has slope {alpha:.6g}; expected {wanted:.6g}")


def _unnamed(
    nodes: Sequence[Mapping[str, Any]], free: list[Place], graph: Graph, source: Mapping[str, Any], mapped: architecture.Map
) -> Iterator[architecture.Fault]:
    """Activations that no operator is named after: any that is free may carry them, and is free no more."""
    inside = _looped(source["nodes"]) if architecture.FUSED_LOOPS & {operator.name for operator in graph.operators} else set()
    for node in nodes:
        if node["name"] in inside:
            continue
        carrier = next((place for place in free if _does(graph, place) & _ACTIVATIONS[node["op"]]), None)
        if carrier is not None:
            free.remove(carrier)
        else:
            layers = architecture.layers_of(node["name"], mapped, architecture.root_scope(source))
            yield architecture.Fault(place=None, layers=layers, reason=f"no operator carries {node['op']} ({node['name']})")


def _strangers(
    free: Sequence[Place], taken: set[Place | None], graph: Graph, source: Mapping[str, Any], mapped: architecture.Map
) -> Iterator[architecture.Fault]:
    """Activations of the file that stand for none of the network's."""
    for place in free:
        fused = graph.subgraphs[place[0]].operators[place[1]].name in architecture.FUSED_LOOPS
        # max(x, 0) and clipping may be written without a Relu.
        if place not in taken and not fused and not _clips(mapped.nodes[place], source):
            extra = sorted(_does(graph, place) & _CARRIERS)
            yield _fault(place, mapped, f"{', '.join(extra)} is no part of the network")


def _looped(nodes: Sequence[Mapping[str, Any]]) -> set[str]:
    """The nodes that depend on what a loop carries."""
    found: set[str] = set()
    for node in nodes:  # behind what they read
        if node["op"] == "LoopArgument" or (
            node["op"] not in architecture.LOOPS and any(reference.split(":")[0] in found for reference in node["inputs"])
        ):
            found.add(node["name"])
    return found


def _does(graph: Graph, place: Place) -> set[str]:
    operator = graph.subgraphs[place[0]].operators[place[1]]
    return {operator.name, operator.options.get("fusedActivationFunction", "NONE")}


def _clips(names: Sequence[str], source: Mapping[str, Any]) -> bool:
    clipping = {node["name"] for node in source["nodes"] if node["op"] in ("Maximum", "Minimum", "ClipByValue")}
    return any(name in clipping for name in names)


def attributes(graph: Graph, source: Mapping[str, Any], mapped: architecture.Map) -> list[architecture.Fault]:
    """Strides, windows and paddings of kernels and pools that are not the network's.

    Args:
        graph, source, mapped: as in `activations`.
    """
    nodes = {node["name"]: node for node in source["nodes"]}
    faults = []
    for place, names in mapped.nodes.items():
        operator = graph.subgraphs[place[0]].operators[place[1]]
        kernel = mapped.main.get(place)
        named = [nodes[name] for name in names if name in nodes and _POOLS.get(nodes[name]["op"]) == operator.name]
        if kernel in nodes and nodes[kernel]["op"] in _STRIDED:
            named.append(nodes[kernel])
        for node in named:
            maker = nodes.get(node["inputs"][0].split(":")[0], {}).get("op")
            reasons = [*_windows(operator, node), *_padding(operator, node, maker)]
            faults += [_fault(place, mapped, reason) for reason in reasons]
    return faults


def _windows(operator: Operator, node: Mapping[str, Any]) -> Iterator[str]:
    attributes = node["attributes"]
    for key, (height, width) in {"strides": ("strideH", "strideW"), "ksize": ("filterHeight", "filterWidth")}.items():
        if key not in attributes or height not in operator.options:
            continue
        wanted = attributes[key][1:3] if attributes.get("data_format", "NHWC") == "NHWC" else attributes[key][2:4]
        found = [operator.options[height], operator.options[width]]
        if wanted != found:
            yield f"{operator.name} has {key} {found}; {node['name']} has {wanted}"


def _padding(operator: Operator, node: Mapping[str, Any], maker: str | None) -> Iterator[str]:
    padding = _PADDINGS.get(node["attributes"].get("padding"))
    # A padding before, or around a dilated convolution, may have moved into the operator.
    moved = maker in ("Pad", "PadV2", "SpaceToBatchND") or operator.options.get("dilationHFactor", 1) != 1
    if padding is not None and operator.options.get("padding") != padding and not moved:
        yield f"{operator.name} pads otherwise than {node['name']}, which has {node['attributes']['padding']}"
