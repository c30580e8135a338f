"""The original network's own graph, in a form that needs no TensorFlow.

The certificate recomputes folded constants from this graph: it knows every epsilon, stride and order of operations, whether
Keras made it or not.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.errors import UserError
from pipeline.source.tensorflow_setup import SIGNATURE, tf

# Not public, but the only reader of a function's body that numbers its outputs as graphs do.
from tensorflow.python.framework.function_def_to_graph import function_def_to_graph_def  # isort: skip

# What `keras3` calls the constants that stand for the states of random generators, which no output may depend on.
DRAWN = "random_generator_state"

_CALLS = ("PartitionedCall", "StatefulPartitionedCall")
_LOOPS = ("While", "StatelessWhile")
_BRANCHES = ("If", "StatelessIf")
# Attributes that change what an operation computes.
_ATTRIBUTES = frozenset(
    [
        "strides",
        "padding",
        "dilations",
        "explicit_paddings",
        "ksize",
        "data_format",
        "transpose_a",
        "transpose_b",
        "adj_x",
        "adj_y",
        "alpha",
        "epsilon",
        "axis",
        "squeeze_dims",
        "keep_dims",
        "num_split",
        "equation",
        "begin_mask",
        "end_mask",
        "ellipsis_mask",
        "new_axis_mask",
        "shrink_axis_mask",
        "batch_dims",
        "is_training",
        "block_size",
        "DstT",
        "approximate",
        "half_pixel_centers",
        "align_corners",
        "num_bits",
        "narrow_range",
        "min",
        "max",
    ]
)


@dataclass(kw_only=True)
class _Scope:
    """One function's body: its operations, the names of its tensors, and what its arguments are outside."""

    prefix: str
    nodes: dict[str, Any]
    arguments: Mapping[str, str]
    returns: Sequence[str] = ()
    called: dict[str, "_Scope"] = field(default_factory=dict)


def read(folder: Path, weights: Mapping[str, np.ndarray]) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """`of_function` of the signature `SIGNATURE` of a SavedModel that `network.save` wrote.

    Args:
        folder: the SavedModel.
        weights: the variables by path, in the order of `network.Network.variables`.
    """
    loaded = tf.saved_model.load(str(folder))
    tracked = getattr(loaded, "network_variables", None)
    variables = None if tracked is None else dict(zip(weights, tracked, strict=True))
    return of_function(loaded.signatures[SIGNATURE], variables, weights)


def of_function(
    concrete: Any, variables: Mapping[str, Any] | None, weights: Mapping[str, np.ndarray]
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The inference graph of a traced network, functions inlined, only what an output depends on.

    Args:
        concrete: the concrete function.
        variables: tf.Variables by path; None when the network was rewritten with its weights as constants.
        weights: their values by path.

    Returns:
        `nodes`: each with `name`, `op`, `inputs` ("node:output"), `attributes`; one of op `Variable` has a `path`, one of op
        `Const` is a key of the second result, one of op `LoopArgument` stands for a value that a loop carries. `outputs`:
        "node:output" by signature name. `frozen`: the network was exported with its weights as constants. The second result
        holds the constants' values in their own dtype.

    Raises:
        UserError: when the graph reads a variable that is none of these, or an output depends on random numbers.
    """
    known = {variable.handle._id: path for path, variable in (variables or {}).items()}
    content = concrete.graph.as_graph_def()
    library = {function.signature.name: function for function in content.library.function}
    nodes: dict[str, dict[str, Any]] = {}
    constants: dict[str, np.ndarray] = {}
    captured = {}
    for outer, inner in concrete.graph.captures:
        name = inner.op.name
        captured[name] = f"{name}:0"
        nodes[name] = _node(name, "Variable" if outer.dtype == tf.resource else "Const")
        if outer.dtype != tf.resource:
            constants[name] = outer.numpy()
        elif outer._id in known:
            nodes[name]["path"] = known[outer._id]
        else:
            raise UserError(
                f"model.path: the network reads the state {name} at inference, which is no weight; a .tflite file cannot keep it"
            )
    root = _Scope(prefix="", nodes={node.name: node for node in content.node}, arguments=captured)
    names = sorted(concrete.structured_outputs)
    outputs = {
        name: _resolve(root, tensor.name, library, nodes, constants) for name, tensor in zip(names, concrete.outputs, strict=True)
    }
    if drawn := [name for name in constants if name.split("/")[-1].startswith(DRAWN)]:
        readers = [node["name"] for node in nodes.values() if any(entry.split(":")[0] in drawn for entry in node["inputs"])]
        raise UserError(
            f"model.path: the network draws random numbers at inference (from the state that {readers[0]} reads); a .tflite file "
            "cannot draw the same: make the layer do nothing when training is false"
        )
    if variables is None:
        _name_constants(nodes, constants, weights)
    return {"nodes": list(nodes.values()), "outputs": outputs, "frozen": variables is None}, constants


def _name_constants(nodes: dict[str, Any], constants: dict[str, np.ndarray], weights: Mapping[str, np.ndarray]) -> None:
    """Constants that are a variable's value, bit for bit in their own dtype, become that variable."""
    for name in list(constants):
        value = constants[name]
        same = [
            path
            for path, weight in weights.items()
            if weight.shape == value.shape and weight.astype(value.dtype).tobytes() == value.tobytes()
        ]
        if same:
            # Of several with one value, such as fresh biases, the constant's own name tells.
            nodes[name]["op"], nodes[name]["path"] = "Variable", next((path for path in same if path in name), same[0])
            del constants[name]


def _node(name: str, op: str) -> dict[str, Any]:
    return {"name": name, "op": op, "inputs": [], "attributes": {}}


def _resolve(scope: _Scope, reference: str, library: Any, nodes: dict[str, Any], constants: dict[str, np.ndarray]) -> str:
    """What a tensor of a body is called in the flat graph; what it depends on is added to `nodes` first."""
    name, _, index = reference.partition(":")
    if name in scope.arguments:
        return scope.arguments[name]
    node, flat, number = scope.nodes[name], scope.prefix + name, int(index or 0)

    def inputs() -> list[str]:
        return [_resolve(scope, entry, library, nodes, constants) for entry in node.input if not entry.startswith("^")]

    def body(function: str, arguments: Sequence[str]) -> _Scope:
        graph, names = function_def_to_graph_def(library[function])
        parameters = [argument.name for argument in library[function].signature.input_arg]
        returns = [names[library[function].ret[result.name]] for result in library[function].signature.output_arg]
        inner = {entry.name: entry for entry in graph.node if entry.name not in parameters}
        # Names are unique unless a function is called twice.
        prefix = f"{flat}/" if scope.prefix or not nodes.keys().isdisjoint(inner) else ""
        return _Scope(prefix=prefix, nodes=inner, arguments=dict(zip(parameters, arguments, strict=True)), returns=returns)

    if node.op in _CALLS:
        if name not in scope.called:
            scope.called[name] = body(node.attr["f"].func.name, inputs())
        inner = scope.called[name]
        return _resolve(inner, inner.returns[number], library, nodes, constants)
    # A network rewritten to float32 casts from float32 to float32.
    idle = node.op == "Cast" and node.attr["SrcT"].type == node.attr["DstT"].type
    if idle or node.op in ("Identity", "StopGradient", "ReadVariableOp", "PreventGradient"):
        return _resolve(scope, node.input[0], library, nodes, constants)
    if flat not in nodes:
        entry = _node(flat, node.op)
        nodes[flat] = entry
        if node.op == "Const":
            constants[flat] = tf.make_ndarray(node.attr["value"].tensor)
        else:
            entry["inputs"] = inputs()
            entry["attributes"] = {key: _plain(node.attr[key]) for key in sorted(_ATTRIBUTES & set(node.attr))}
            del nodes[flat]
            nodes[flat] = entry  # behind what it reads
        if node.op in _LOOPS:
            _loop(node, entry, body, library, nodes, constants)
        elif node.op in _BRANCHES:
            arguments = entry["inputs"][1:]
            for branch in ("then_branch", "else_branch"):
                inner = body(node.attr[branch].func.name, arguments)
                entry["inputs"] += [_resolve(inner, result, library, nodes, constants) for result in inner.returns]
    return f"{flat}:{number}"


def _loop(node: Any, entry: dict[str, Any], body: Any, library: Any, nodes: dict[str, Any], constants: Any) -> None:
    """Inline a loop's condition and body: an argument that the body returns unchanged is what entered the loop."""
    arguments = [f"{entry['name']}/argument_{number}:0" for number in range(len(entry["inputs"]))]
    step = body(node.attr["body"].func.name, arguments)
    for number, result in enumerate(step.returns):
        name = result.split(":")[0]
        while name in step.nodes and step.nodes[name].op == "Identity":
            name = step.nodes[name].input[0].split(":")[0]
        if step.arguments.get(name) == arguments[number]:
            arguments[number] = entry["inputs"][number]
        else:
            inner = arguments[number].split(":")[0]
            nodes[inner] = _node(inner, "LoopArgument")
    for function in ("body", "cond"):
        inner = body(node.attr[function].func.name, arguments)
        entry["inputs"] += [_resolve(inner, result, library, nodes, constants) for result in inner.returns]


def _plain(value: Any) -> Any:
    """An attribute as JSON holds it."""
    kind = value.WhichOneof("value")
    if kind == "list":
        return [int(entry) for entry in value.list.i] or [float(entry) for entry in value.list.f]
    if kind == "type":
        return tf.as_dtype(value.type).name
    plain = getattr(value, kind)
    return plain.decode() if isinstance(plain, bytes) else plain
