"""Rewriting a traced TensorFlow function: variables into constants, shapes fixed, arithmetic in float32."""

import graphlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from pipeline.errors import UserError
from pipeline.source.tensorflow_setup import tf

# tensorflow's own modules must come after pipeline.source.tensorflow_setup, which sets how it computes.
from tensorflow.core.framework import types_pb2  # isort: skip
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2  # isort: skip

# .tflite kernels compute in float32. Integers stay what they are.
_RETYPED = (types_pb2.DT_HALF, types_pb2.DT_BFLOAT16, types_pb2.DT_DOUBLE)
RETYPED = frozenset(tf.as_dtype(number).name for number in _RETYPED)


def freeze(concrete: Any) -> Any:
    """A concrete function with its variables as constants and its calls inlined.

    Raises:
        UserError: when it needs a resource that is no variable, such as a look-up table.
    """
    frozen = convert_variables_to_constants_v2(concrete, lower_control_flow=False)
    refuse_tables(frozen)
    return frozen


def refuse_tables(concrete: Any) -> None:
    """Stop where a traced function reads a look-up table, be it inside a function that it calls.

    Raises:
        UserError: naming the operations.
    """
    content = concrete.graph.as_graph_def()
    operations = {node.op for nodes in (content.node, *(body.node_def for body in content.library.function)) for node in nodes}
    if tables := sorted(name for name in operations if "LookupTable" in name or "HashTable" in name):
        raise UserError(
            f"model.path: the network looks up a table ({', '.join(tables)}), which .tflite cannot hold; export the part after it"
        )


def reshaped(frozen: Any, specs: Sequence[Any]) -> Callable[..., list[Any]]:
    """The same computation on inputs of other shapes and in float32.

    Importing the graph again lets TensorFlow infer every shape inside from the new inputs. Weights and constants of half or
    double precision become float32, and so does what is computed from them: .tflite has no kernels for the others.

    Args:
        frozen: of `freeze`.
        specs: tf.TensorSpec of each input, in order.

    Returns:
        A function of the inputs that returns the outputs in order.
    """
    graph = _ordered(frozen.graph.as_graph_def())
    # Functions of a name are the same in all of TensorFlow; those that change need another one.
    renamed = {function.signature.name: f"{function.signature.name}_float32" for function in graph.library.function}
    for nodes in (graph.node, *(function.node_def for function in graph.library.function)):
        for node in nodes:
            _retype(node, renamed)
    for function in graph.library.function:
        function.signature.name = renamed[function.signature.name]
        for argument in (*function.signature.input_arg, *function.signature.output_arg):
            if argument.type in _RETYPED:
                argument.type = types_pb2.DT_FLOAT
    inputs, outputs = [tensor.name for tensor in frozen.inputs], [tensor.name for tensor in frozen.outputs]

    def imported(*values: Any) -> Any:
        return tf.graph_util.import_graph_def(
            graph, input_map=dict(zip(inputs, values, strict=True)), return_elements=outputs, name=""
        )

    wrapped: Callable[..., list[Any]] = tf.compat.v1.wrap_function(imported, list(specs))
    return wrapped


def _ordered(graph: Any) -> Any:
    """The same graph, operations behind what they read, by name where that leaves a choice: freezing orders them by hashes."""
    nodes = {node.name: node for node in graph.node}
    sorter = graphlib.TopologicalSorter(
        {name: {entry.lstrip("^").split(":")[0] for entry in node.input} for name, node in nodes.items()}
    )
    try:
        sorter.prepare()
    except graphlib.CycleError:  # loops of TensorFlow 1: they stay in the order that they are in
        return graph
    ordered = type(graph)()
    ordered.CopyFrom(graph)
    del ordered.node[:]
    while sorter.is_active():
        ready = sorted(sorter.get_ready())
        ordered.node.extend(nodes[name] for name in ready)
        sorter.done(*ready)
    return ordered


def dtypes(concrete: Any) -> set[str]:
    """The floating-point dtypes of the tensors and variables of a traced function."""
    found = {tensor.dtype for operation in concrete.graph.get_operations() for tensor in operation.outputs}
    found |= {variable.dtype for variable in concrete.graph.variables}
    return {dtype.name for dtype in found if dtype.is_floating}


def _retype(node: Any, renamed: Mapping[str, str]) -> None:
    for value in node.attr.values():
        kind = value.WhichOneof("value")
        if kind == "type" and value.type in _RETYPED:
            value.type = types_pb2.DT_FLOAT
        elif kind == "func":
            value.func.name = renamed.get(value.func.name, value.func.name)
        elif kind == "list":
            for function in value.list.func:
                function.name = renamed.get(function.name, function.name)
            for index, dtype in enumerate(value.list.type):
                if dtype in _RETYPED:
                    value.list.type[index] = types_pb2.DT_FLOAT
        elif kind == "tensor" and value.tensor.dtype in _RETYPED:
            value.tensor.CopyFrom(tf.make_tensor_proto(tf.make_ndarray(value.tensor).astype(np.float32)))
