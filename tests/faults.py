"""Faults put into .tflite files: each function takes the bytes of a file and returns the bytes of a faulty one."""

from collections.abc import Callable
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

Edit = Callable[[Any], None]
_NAMES = {value: name for name, value in vars(schema.BuiltinOperator).items() if not name.startswith("_")}


def edited(model: bytes, edit: Edit) -> bytes:
    """The file after `edit` has changed its content (schema.ModelT)."""
    content = schema.ModelT.InitFromObj(schema.Model.GetRootAs(model, 0))
    edit(content)
    builder = flatbuffers.Builder(len(model) + 4096)
    builder.Finish(content.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def kind(content: Any, operator: Any) -> str:
    code = content.operatorCodes[operator.opcodeIndex]
    return _NAMES[max(code.builtinCode, code.deprecatedBuiltinCode)]


def operators(content: Any, name: str) -> list[Any]:
    """The main graph's operators of a kind, in order."""
    return [operator for operator in content.subgraphs[0].operators if kind(content, operator) == name]


def array(content: Any, tensor: Any, dtype: str) -> np.ndarray:
    """A constant's values, to be changed in place."""
    buffer = content.buffers[tensor.buffer]
    buffer.data = np.array(buffer.data, np.uint8)
    return buffer.data.view(dtype)


def rescaled(tensor: Any, number: int, factor: float) -> None:
    """Multiply one scale of a tensor."""
    scales = np.array(tensor.quantization.scale)
    scales[number % len(scales)] *= factor
    tensor.quantization.scale = scales


def tensor_of(content: Any, operator: Any, place: int) -> Any:
    return content.subgraphs[0].tensors[operator.inputs[place]]


def output_of(content: Any, operator: Any) -> Any:
    return content.subgraphs[0].tensors[operator.outputs[0]]


def activations(content: Any) -> list[Any]:
    """The quantized tensors between the main graph's operators, its integer inputs and outputs among them."""
    graph = content.subgraphs[0]
    used = {index for operator in graph.operators for index in (*operator.inputs, *operator.outputs) if index >= 0}
    types = (schema.TensorType.INT8, schema.TensorType.UINT8, schema.TensorType.INT16)
    return [
        tensor
        for tensor in (graph.tensors[index] for index in sorted(used))
        if tensor.type in types and content.buffers[tensor.buffer].data is None and tensor.quantization.scale is not None
    ]


def removed(content: Any, operator: Any) -> None:
    """Take an operator out: what read its output reads its data."""
    graph = content.subgraphs[0]
    data, gone = operator.inputs[0], operator.outputs[0]
    graph.operators.remove(operator)
    for other in graph.operators:
        other.inputs = np.where(np.asarray(other.inputs) == gone, data, other.inputs)
    graph.outputs = np.where(np.asarray(graph.outputs) == gone, data, graph.outputs)
    for entry in content.signatureDefs[0].outputs:
        if entry.tensorIndex == gone:
            entry.tensorIndex = data
