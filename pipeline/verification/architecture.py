"""Is each layer of the network in the file: which operators carry it, what it was fused into, or why it is gone.

What a file says is read off the names that the converter gives, and checked by what does not depend on names: activations and
strides against the network's own graph, and which kernels each kernel reads from.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.tflite.flatbuffer import Graph
from pipeline.tflite.layer_names import scope
from pipeline.verification.constant_origin import Row
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
# Operations that move values or name them: nothing is lost when a converter does not need them.
_MOVES = frozenset(
    ("Reshape", "Squeeze", "ExpandDims", "Transpose", "Identity", "Cast", "Shape", "StridedSlice", "Pack", "ConcatV2", "Pad")
)
_DATA = frozenset(("Variable", "Const", "Placeholder", "LoopArgument"))
_LOOPS = frozenset(("While", "StatelessWhile"))
# What a loop becomes; the fused ones hold the gates' activations within.
_FUSED_LOOPS = frozenset(("UNIDIRECTIONAL_SEQUENCE_LSTM", "BIDIRECTIONAL_SEQUENCE_LSTM", "UNIDIRECTIONAL_SEQUENCE_RNN"))


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
        source: of `graphdef.read`.
        layer_paths: every layer's path, outer layers first.
        rows: of `weights.account` for the same file.
        numbered: Keras 3 made the names (`layers.scope`).
    """
    known = {node["name"] for node in source["nodes"]}
    # The last tensors carry the signature's names instead of their operations'.
    aliases = {number: source["outputs"][name].split(":")[0] for name, number in graph.outputs.items() if name in source["outputs"]}
    nodes: dict[Place, list[str]] = {}
    main: dict[Place, str] = {}
    for number, subgraph in enumerate(graph.subgraphs):
        for index, operator in enumerate(subgraph.operators):
            found = []
            for output in operator.outputs:
                if number == graph.main and output in aliases:
                    found.append(aliases[output])
                for name in subgraph.tensors[output].name.split(";"):
                    found.append(
                        name if name in known else name.rstrip("0123456789") if name.rstrip("0123456789") in known else name
                    )
            nodes[number, index] = found
    for row in rows:
        place = (row.subgraph, row.operator)
        if row.node and row.kind != "converter":
            nodes[place] += [row.node, *row.operations]
            if row.type in ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV", "CONV_3D") and row.input == 1:
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


def root_scope(source: Mapping[str, Any]) -> str:
    """The scope that all operations share: the network's own name, which a layer may have, too. "" when there is none."""
    scopes = {node["name"].split("/")[0] for node in source["nodes"] if node["op"] not in _DATA}
    return f"{scopes.pop()}/" if len(scopes) == 1 else ""


def table(
    graph: Graph, source: Mapping[str, Any], layers: Sequence[Mapping[str, Any]], mapped: Map, constant: Iterable[str]
) -> list[dict[str, Any]]:
    """A row for each layer: `path`, `class`, `parameters`, `how`, `operators` (places), `passed`, `reason`.

    Args:
        graph: the float32 file.
        source: of `graphdef.read`.
        layers: `path`, `class`, `parameters` of each.
        mapped: of `identify`.
        constant: names of the operations that depend on constants only.
    """
    constants = set(constant)
    root = root_scope(source)
    rows = []
    for layer in layers:
        pattern = mapped.patterns[layer["path"]]
        calls: dict[str, list[Mapping[str, Any]]] = {}
        for node in source["nodes"]:
            found = pattern.search(node["name"].removeprefix(root))
            if found and node["op"] not in _DATA:
                offset = len(root) if node["name"].startswith(root) else 0
                calls.setdefault(node["name"][: offset + found.end()], []).append(node)
        row: dict[str, Any] = {key: layer[key] for key in ("path", "class", "parameters")}
        places = [place for place, paths in mapped.layers.items() if layer["path"] in paths]
        missing = [call for call, nodes in calls.items() if not _carried(call, nodes, mapped, constants)]
        row |= {"operators": places, "calls": len(calls), "passed": not missing}
        if not calls:
            row |= {"how": "absent", "reason": "computes nothing at inference"}
        elif missing:
            row |= {"how": "missing", "reason": f"no operator carries {', '.join(missing)}"}
        elif not places:
            row |= {"how": "absent", "reason": "only moves or renames values, or is constant"}
        else:
            row |= _how(layer["path"], places, graph, mapped, root)
        rows.append(row)
    return rows


def _carried(call: str, nodes: Sequence[Mapping[str, Any]], mapped: Map, constants: set[str]) -> bool:
    if any(name.startswith(call) for names in mapped.nodes.values() for name in names):
        return True
    return all(node["op"] in _MOVES or node["name"] in constants for node in nodes)


def _how(path: str, places: Sequence[Place], graph: Graph, mapped: Map, root: str) -> dict[str, str]:
    """Carried by operators of its own, or folded or fused into those of another layer."""
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


def check(graph: Graph, source: Mapping[str, Any], mapped: Map) -> list[Fault]:
    """Activations, strides, paddings and the flow of data between kernels, against the network's own graph."""
    return [*_activations(graph, source, mapped), *_attributes(graph, source, mapped), *_flow(graph, source, mapped)]


def _activations(graph: Graph, source: Mapping[str, Any], mapped: Map) -> list[Fault]:
    by_node: dict[str, list[Place]] = {}
    for place, names in mapped.nodes.items():
        for name in names:
            by_node.setdefault(name, []).append(place)
    faults: list[Fault] = []
    claimed: set[Place] = set()
    unnamed: list[Mapping[str, Any]] = []
    for node in source["nodes"]:
        if node["op"] not in _ACTIVATIONS:
            continue
        places = by_node.get(node["name"], [])
        fitting = [place for place in places if _does(graph, place) & _ACTIVATIONS[node["op"]]]
        claimed.update(fitting)
        if places and not fitting:
            does = sorted(set().union(*(_does(graph, place) for place in places)) & _CARRIERS) or ["no activation"]
            reason = f"{node['op']} ({node['name']}) is carried by an operator with {', '.join(does)}"
            faults.append(Fault(place=places[0], layers=tuple(mapped.layers[places[0]]), reason=reason))
        elif not places:
            unnamed.append(node)
        for place in fitting:
            alpha = graph.subgraphs[place[0]].operators[place[1]].options.get("alpha")
            if node["op"] == "LeakyRelu" and alpha is not None and abs(alpha - node["attributes"]["alpha"]) > 1e-6:
                reason = f"LeakyRelu ({node['name']}) has slope {alpha:.6g}; expected {node['attributes']['alpha']:.6g}"
                faults.append(Fault(place=place, layers=tuple(mapped.layers[place]), reason=reason))
    if _FUSED_LOOPS & {operator.name for operator in graph.operators}:
        inside = _looped(source["nodes"])
        unnamed = [node for node in unnamed if node["name"] not in inside]
    free = [place for place in mapped.nodes if place not in claimed and _does(graph, place) & _CARRIERS]
    for node in unnamed:
        carrier = next((place for place in free if _does(graph, place) & _ACTIVATIONS[node["op"]]), None)
        if carrier is not None:
            free.remove(carrier)
        else:
            faults.append(
                Fault(
                    place=None,
                    layers=_layers(node["name"], mapped, root_scope(source)),
                    reason=f"no operator carries {node['op']} ({node['name']})",
                )
            )
    taken = {fault.place for fault in faults}
    for place in free:
        extra = _does(graph, place) & _CARRIERS
        # max(x, 0) and clipping may be written without a Relu.
        fused = graph.subgraphs[place[0]].operators[place[1]].name in _FUSED_LOOPS
        if place not in taken and not fused and not _clips(mapped.nodes[place], source):
            reason = f"{', '.join(sorted(extra))} is no part of the network"
            faults.append(Fault(place=place, layers=tuple(mapped.layers[place]), reason=reason))
    return faults


def _looped(nodes: Sequence[Mapping[str, Any]]) -> set[str]:
    """The nodes that depend on what a loop carries."""
    found: set[str] = set()
    for node in nodes:  # behind what they read
        if node["op"] == "LoopArgument" or (
            node["op"] not in _LOOPS and any(reference.split(":")[0] in found for reference in node["inputs"])
        ):
            found.add(node["name"])
    return found


def _does(graph: Graph, place: Place) -> set[str]:
    operator = graph.subgraphs[place[0]].operators[place[1]]
    return {operator.name, operator.options.get("fusedActivationFunction", "NONE")}


def _clips(names: Sequence[str], source: Mapping[str, Any]) -> bool:
    clipping = {node["name"] for node in source["nodes"] if node["op"] in ("Maximum", "Minimum", "ClipByValue")}
    return any(name in clipping for name in names)


def _layers(name: str, mapped: Map, root: str) -> tuple[str, ...]:
    return tuple(path for path, pattern in mapped.patterns.items() if pattern.search(name.removeprefix(root)))


def _attributes(graph: Graph, source: Mapping[str, Any], mapped: Map) -> list[Fault]:
    nodes = {node["name"]: node for node in source["nodes"]}
    faults = []
    for place, names in mapped.nodes.items():
        operator = graph.subgraphs[place[0]].operators[place[1]]
        kernel = mapped.main.get(place)
        named = [nodes[name] for name in names if name in nodes and _POOLS.get(nodes[name]["op"]) == operator.name]
        if kernel in nodes and nodes[kernel]["op"] in _STRIDED:
            named.append(nodes[kernel])
        for node in named:
            attributes = node["attributes"]
            options = {"strides": ("strideH", "strideW"), "ksize": ("filterHeight", "filterWidth")}
            for key, (height, width) in options.items():
                if key not in attributes or height not in operator.options:
                    continue
                wanted = attributes[key][1:3] if attributes.get("data_format", "NHWC") == "NHWC" else attributes[key][2:4]
                found = [operator.options[height], operator.options[width]]
                if wanted != found:
                    reason = f"{operator.name} has {key} {found}; {node['name']} has {wanted}"
                    faults.append(Fault(place=place, layers=tuple(mapped.layers[place]), reason=reason))
            padding = _PADDINGS.get(attributes.get("padding"))
            # A padding before, or around a dilated convolution, may have moved into the operator.
            maker = nodes.get(node["inputs"][0].split(":")[0], {}).get("op")
            spread = maker in ("Pad", "PadV2", "SpaceToBatchND")
            if (
                padding is not None
                and operator.options.get("padding") != padding
                and not spread
                and operator.options.get("dilationHFactor", 1) == 1
            ):
                reason = f"{operator.name} pads otherwise than {node['name']}, which has {attributes['padding']}"
                faults.append(Fault(place=place, layers=tuple(mapped.layers[place]), reason=reason))
    return faults


def _flow(graph: Graph, source: Mapping[str, Any], mapped: Map) -> list[Fault]:
    """Each kernel and each output must read from the same kernels and inputs in the file as in the network."""
    root = root_scope(source)
    twins = _twins(source["nodes"])
    kernels = {twins[node] for place, node in mapped.main.items() if place[0] == graph.main}
    behind: dict[str, frozenset[str]] = {}
    for node in source["nodes"]:
        reads = frozenset().union(*(behind.get(reference.split(":")[0], frozenset()) for reference in node["inputs"]))
        own = {"Placeholder": f"input {node['name']}", **dict.fromkeys(_LOOPS, "a loop")}.get(node["op"])
        behind[node["name"]] = frozenset([own]) if own else reads
        if twins[node["name"]] in kernels:
            behind[f"before {twins[node['name']]}"] = reads
            behind[node["name"]] = frozenset([twins[node["name"]]])
    found: dict[int, frozenset[str]] = {number: frozenset([f"input {name}"]) for name, number in graph.inputs.items()}
    faults = []
    for index, operator in enumerate(graph.operators):
        place = (graph.main, index)
        reads = frozenset().union(*(found.get(number, frozenset()) for number in operator.inputs if number >= 0))
        main = twins[mapped.main[place]] if place in mapped.main else None
        if main is not None and f"before {main}" in behind and reads != behind[f"before {main}"]:
            faults.append(_misfed(place, mapped, root, main, reads, behind[f"before {main}"]))
        if operator.name in {"WHILE", *_FUSED_LOOPS}:
            made = frozenset(["a loop"])
        else:
            made = frozenset([main]) if main is not None else reads
        found.update(dict.fromkeys(operator.outputs, made))
    makers = {output: (graph.main, index) for index, operator in enumerate(graph.operators) for output in operator.outputs}
    for name, number in graph.outputs.items():
        if name not in source["outputs"]:
            continue
        wanted = behind[source["outputs"][name].split(":")[0]]
        if found.get(number, frozenset()) != wanted:
            faults.append(_misfed(makers.get(number), mapped, root, f"output {name}", found.get(number, frozenset()), wanted))
    return faults


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


def _misfed(place: Place | None, mapped: Map, root: str, what: str, found: frozenset[str], wanted: frozenset[str]) -> Fault:
    layers = [layer for node in (what, *sorted(found ^ wanted)) for layer in _layers(node, mapped, root)]
    reason = f"{what} is computed from {_listed(found)}; expected {_listed(wanted)}"
    return Fault(place=place, layers=tuple(dict.fromkeys(layers)), reason=reason)


def _listed(names: frozenset[str]) -> str:
    return ", ".join(sorted(names)[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "") or "nothing"


def histogram(graph: Graph) -> dict[str, int]:
    """How many operators of each kind the file holds, all subgraphs."""
    counts: dict[str, int] = {}
    for subgraph in graph.subgraphs:
        for operator in subgraph.operators:
            counts[operator.name] = counts.get(operator.name, 0) + 1
    return dict(sorted(counts.items()))


def signature(graph: Graph, facts: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Inputs and outputs beside those of the network: a row for the key and for each tensor.

    Args:
        graph: the file in question.
        facts: `signature` of models/source.json: `key`, `inputs` and `outputs` with `name`, `shape`, `dtype`.
    """
    rows = [_compared("signature key", facts["key"], graph.signature)]
    for kind in ("inputs", "outputs"):
        tensors = getattr(graph, kind)
        names = sorted(entry["name"] for entry in facts[kind])
        rows.append(_compared(f"names of {kind}", names, sorted(tensors)))
        for entry in facts[kind]:
            if entry["name"] in tensors:
                shape = list(graph.tensors[tensors[entry["name"]]].shape)
                free = [1 if length is None else length for length in entry["shape"]]
                rows.append(_compared(f"shape of {kind[:-1]} {entry['name']}", free, shape))
    return rows


def _compared(what: str, expected: Any, found: Any) -> dict[str, Any]:
    return {"what": what, "expected": expected, "found": found, "passed": expected == found}
