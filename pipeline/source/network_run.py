"""Running the original network in parts: any tensor of its graph can be read, and any can be given instead of computed."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.source import rewrite
from pipeline.source.tensorflow_setup import SIGNATURE, tf

# That name a value or hand it on.
_NAMING = frozenset(("Identity", "IdentityN", "StopGradient", "PreventGradient", "ReadVariableOp", "Snapshot", "EnsureShape"))
# Tensors up to this size are read whole; of larger ones only the entries that are asked for leave TensorFlow.
_WHOLE = 4096
# What TensorFlow says before the reason.
_AROUND = ("Graph execution error", "Detected at node", "Node: ")
# Where the nodes that do so are.
_SAMPLED = "sampled_entries/"


@dataclass(frozen=True, kw_only=True)
class NetworkRun:
    """A network whose tensors can be read and given. References are "node:output".

    Attributes:
        inputs, outputs: references by signature name.
        reads: references that the node of a reference reads.
        sample: inputs by name to the shape of each tensor that depends on one, and its entries at some positions.
        run: (references to read, values by reference) to the values read; raises RuntimeError when an operation refuses them.
    """

    inputs: dict[str, str]
    outputs: dict[str, str]
    reads: dict[str, tuple[str, ...]]
    sample: Callable[[Mapping[str, np.ndarray]], dict[str, tuple[tuple[int, ...], np.ndarray]]]
    run: Callable[[Sequence[str], Mapping[str, np.ndarray]], list[np.ndarray]]


def open_saved_model(folder: Path, positions: Callable[[int], np.ndarray]) -> NetworkRun:
    """The network of a SavedModel that `network.export` wrote.

    Args:
        folder: the SavedModel.
        positions: which entries of a tensor of so many are sampled.
    """
    # The module must live as long as its function: it owns the variables.
    loaded = tf.saved_model.load(str(folder))
    concrete = loaded.signatures[SIGNATURE]
    frozen = rewrite.freeze(concrete)
    content = _separated(frozen.graph.as_graph_def())
    inputs = {name: tensor.name for name, tensor in zip(concrete._arg_keywords, frozen.inputs, strict=True)}
    tensors = _dependent(frozen.graph, set(inputs.values()))
    large = [tensor for tensor in tensors.values() if (tensor.shape.num_elements() or 0) > _WHOLE]
    _add_samples(content, large, positions)
    graph = tf.Graph()
    with graph.as_default():
        tf.graph_util.import_graph_def(content, name="")
    operations = graph.get_operations()
    before = {operation.name: operation for operation in frozen.graph.get_operations()}
    session = _session(graph)
    return NetworkRun(
        inputs=inputs,
        outputs={
            name: _named(tensor.name, before)
            for name, tensor in zip(sorted(concrete.structured_outputs), frozen.outputs, strict=True)
        },
        reads={
            output.name: tuple(entry.name for entry in operation.inputs) for operation in operations for output in operation.outputs
        },
        sample=partial(_sample, session, inputs, list(tensors), large, positions),
        run=partial(_run, session),
    )


def _session(graph: Any) -> Any:
    options = tf.compat.v1.ConfigProto(intra_op_parallelism_threads=1, inter_op_parallelism_threads=1)
    # Rewriting the graph for each set of tensors costs more than it saves, and the arithmetic should stay the network's own.
    options.graph_options.rewrite_options.disable_meta_optimizer = True
    options.graph_options.optimizer_options.opt_level = -1
    return tf.compat.v1.Session(graph=graph, config=options)


def _run(session: Any, fetches: Sequence[Any], feeds: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    try:
        found: list[np.ndarray] = session.run(list(fetches), dict(feeds))
    # ValueError: of a shape that the graph does not take.
    except (tf.errors.OpError, ValueError) as error:
        lines = [line for line in str(error).splitlines() if line and not line.startswith(_AROUND)]
        raise RuntimeError(lines[0] if lines else type(error).__name__) from None
    return found


def _named(reference: str, makers: Mapping[str, Any]) -> str:
    """The tensor behind operations that only name it."""
    operation = makers[reference.split(":")[0]]
    while operation.type in _NAMING:
        reference = operation.inputs[int(reference.split(":")[1])].name
        operation = makers[reference.split(":")[0]]
    return reference


def _separated(content: Any) -> Any:
    """The graph without IdentityN, which Keras wraps around activations with a gradient of their own: it reads all that the
    gradient needs, so that each of its outputs would seem to depend on all of its inputs."""
    several = {node.name: list(node.input) for node in content.node if node.op == "IdentityN"}

    def source(reference: str) -> str:
        name, _, number = reference.partition(":")
        return source(several[name][int(number or 0)]) if name in several else reference

    for node in content.node:
        if node.op != "IdentityN":
            # Nor need anything wait for one.
            entries = [source(entry) for entry in node.input if not entry.startswith("^") or entry[1:] not in several]
            del node.input[:]
            node.input.extend(entries)
    kept = [node for node in content.node if node.op != "IdentityN"]
    del content.node[:]
    content.node.extend(kept)
    return content


def _dependent(graph: Any, given: set[str]) -> dict[str, Any]:
    """Tensors that depend on an input, but those that only name another."""
    todo = [operation for name in given for operation in graph.get_tensor_by_name(name).consumers()]
    reached: dict[str, Any] = {}
    while todo:
        operation = todo.pop()
        if operation.name not in reached:
            reached[operation.name] = operation
            todo += [reader for output in operation.outputs for reader in output.consumers()]
    return {
        output.name: output
        for operation in reached.values()
        if operation.type not in _NAMING
        for output in operation.outputs
        if output.dtype.is_floating or output.dtype.is_integer or output.dtype.is_bool
    }


def _add_samples(content: Any, tensors: Sequence[Any], positions: Callable[[int], np.ndarray]) -> None:
    """Nodes that gather some entries of each tensor, so that the others need not leave TensorFlow."""

    def constant(name: str, value: np.ndarray) -> str:
        if name not in known:
            known.add(name)
            node = content.node.add(op="Const", name=name)
            node.attr["dtype"].type = tf.as_dtype(value.dtype).as_datatype_enum
            node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(value))
        return name

    known: set[str] = set()
    for tensor in tensors:
        count = tensor.shape.num_elements()
        flat = content.node.add(op="Reshape", name=f"{_SAMPLED}flat/{tensor.name.replace(':', '_')}")
        flat.input.extend([tensor.name, constant(f"{_SAMPLED}shape", np.array([-1], np.int32))])
        flat.attr["T"].type = tensor.dtype.as_datatype_enum
        flat.attr["Tshape"].type = tf.int32.as_datatype_enum
        entries = content.node.add(op="GatherV2", name=_entries(tensor.name))
        at = constant(f"{_SAMPLED}positions_{count}", positions(count).astype(np.int32))
        entries.input.extend([flat.name, at, constant(f"{_SAMPLED}axis", np.array(0, np.int32))])
        entries.attr["Tparams"].type = tensor.dtype.as_datatype_enum
        entries.attr["Tindices"].type = entries.attr["Taxis"].type = tf.int32.as_datatype_enum


def _entries(reference: str) -> str:
    return f"{_SAMPLED}entries/{reference.replace(':', '_')}"


def _sample(
    session: Any,
    inputs: Mapping[str, str],
    tensors: Sequence[str],
    large: Sequence[Any],
    positions: Callable[[int], np.ndarray],
    given: Mapping[str, np.ndarray],
) -> dict[str, tuple[tuple[int, ...], np.ndarray]]:
    shapes = {tensor.name: tuple(tensor.shape) for tensor in large}
    feeds = {inputs[name]: array for name, array in given.items()}
    read = _run(session, [f"{_entries(name)}:0" if name in shapes else name for name in tensors], feeds)
    return {
        name: (shapes[name], values) if name in shapes else (values.shape, values.ravel()[positions(values.size)])
        for name, values in zip(tensors, read, strict=True)
    }
