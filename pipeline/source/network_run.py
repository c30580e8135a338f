"""Running the original network in parts: any tensor of its graph can be read, and any can be given instead of computed."""

import re
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
_CALL = re.compile(r"^(?:Stateful)?PartitionedCall(?:_\d+)?/")
# Tensors up to this size are read whole; of larger ones only the entries that are asked for leave TensorFlow.
_WHOLE = 4096


@dataclass(frozen=True, kw_only=True)
class NetworkRun:
    """A network whose tensors can be read and given. References are "node:output".

    Attributes:
        inputs, outputs: references by signature name.
        tensors: references of what depends on an input, in the order of computation, with their dtypes.
        reads: references that the node of a reference reads.
        names: references as `inference_graph.read` has them, without the calls around their functions.
        sample: (inputs by name, positions for a number of entries) to each tensor's shape and entries at these positions.
        run: (references to read, values by reference) to the values read; raises RuntimeError when an operation refuses them.
    """

    inputs: dict[str, str]
    outputs: dict[str, str]
    tensors: dict[str, str]
    reads: dict[str, tuple[str, ...]]
    names: dict[str, str]
    sample: Callable[[Mapping[str, np.ndarray], Callable[[int], np.ndarray]], dict[str, tuple[tuple[int, ...], np.ndarray]]]
    run: Callable[[Sequence[str], Mapping[str, np.ndarray]], list[np.ndarray]]


def open_saved_model(folder: Path) -> NetworkRun:
    """The network of a SavedModel that `network.export` wrote.

    Args:
        folder: the SavedModel.
    """
    loaded = tf.saved_model.load(str(folder))
    concrete = loaded.signatures[SIGNATURE]
    frozen = rewrite.freeze(concrete)
    names = sorted(concrete.structured_outputs)
    graph = tf.Graph()
    with graph.as_default():
        tf.graph_util.import_graph_def(_separated(frozen.graph.as_graph_def()), name="")
    makers = {operation.name: operation for operation in graph.get_operations()}
    inputs = {name: tensor.name for name, tensor in zip(concrete._arg_keywords, frozen.inputs, strict=True)}
    tensors = _dependent(graph, set(inputs.values()))
    reads = {
        output.name: tuple(entry.name for entry in operation.inputs)
        for operation in makers.values()
        for output in operation.outputs
    }
    outputs = {name: _named(tensor.name, makers) for name, tensor in zip(names, frozen.outputs, strict=True)}
    session = _session(graph)
    return NetworkRun(
        inputs=inputs,
        outputs=outputs,
        tensors=tensors,
        reads=reads,
        names={reference: _plain(reference) for reference in (*inputs.values(), *tensors)},
        sample=_sampler(graph, session, inputs, tensors),
        run=partial(_run, session),
    )


def _plain(name: str) -> str:
    while match := _CALL.match(name):
        name = name[match.end() :]
    return name


def _session(graph: Any) -> Any:
    options = tf.compat.v1.ConfigProto(intra_op_parallelism_threads=1, inter_op_parallelism_threads=1)
    # Rewriting the graph for each set of tensors costs more than it saves, and the arithmetic should stay the network's own.
    options.graph_options.rewrite_options.disable_meta_optimizer = True
    options.graph_options.optimizer_options.opt_level = -1
    return tf.compat.v1.Session(graph=graph, config=options)


def _run(session: Any, fetches: Sequence[Any], feeds: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    try:
        found: list[np.ndarray] = session.run(list(fetches), dict(feeds))
    except tf.errors.OpError as error:
        raise RuntimeError(str(error).splitlines()[0]) from None
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


def _dependent(graph: Any, given: set[str]) -> dict[str, str]:
    """Tensors that depend on an input, but those that only name another."""
    todo = [operation for name in given for operation in graph.get_tensor_by_name(name).consumers()]
    reached: dict[str, Any] = {}
    while todo:
        operation = todo.pop()
        if operation.name not in reached:
            reached[operation.name] = operation
            todo += [reader for output in operation.outputs for reader in output.consumers()]
    return {
        output.name: output.dtype.name
        for operation in reached.values()
        if operation.type not in _NAMING
        for output in operation.outputs
        if output.dtype.is_floating or output.dtype.is_integer or output.dtype.is_bool
    }


def _sampler(graph: Any, session: Any, inputs: Mapping[str, str], tensors: Mapping[str, str]) -> Any:
    entries: dict[str, Any] = {}

    def sample(
        given: Mapping[str, np.ndarray], positions: Callable[[int], np.ndarray]
    ) -> dict[str, tuple[tuple[int, ...], np.ndarray]]:
        whole = [name for name in tensors if (graph.get_tensor_by_name(name).shape.num_elements() or 0) <= _WHOLE]
        large = [name for name in tensors if name not in set(whole)]
        if not entries:
            with graph.as_default():
                for name in large:
                    tensor = graph.get_tensor_by_name(name)
                    entries[name] = tf.gather(tf.reshape(tensor, [-1]), positions(tensor.shape.num_elements()))
        feeds = {inputs[name]: array for name, array in given.items()}
        read = _run(session, [*whole, *(entries[name] for name in large)], feeds)
        values, parts = read[: len(whole)], read[len(whole) :]
        found = {}
        for name, value in zip(whole, values, strict=True):
            found[name] = (value.shape, value.ravel()[positions(value.size)])
        for name, part in zip(large, parts, strict=True):
            found[name] = (tuple(graph.get_tensor_by_name(name).shape), part)
        return found

    return sample
