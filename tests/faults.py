"""Faults put into .tflite files: each function takes the bytes of a file and returns the bytes of a faulty one."""

from collections.abc import Callable
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from pipeline.tflite import flatbuffer

Edit = Callable[[Any], None]
_NAMES = {value: name for name, value in vars(schema.BuiltinOperator).items() if not name.startswith("_")}


def edited(model: bytes, edit: Edit) -> bytes:
    """The file after `edit` has changed its content (schema.ModelT)."""
    content = flatbuffer.editable(model)
    edit(content)
    return flatbuffer.packed(content)


def kind(content: Any, operator: Any) -> str:
    code = content.operatorCodes[operator.opcodeIndex]
    return _NAMES[max(code.builtinCode, code.deprecatedBuiltinCode)]


def operators(content: Any, name: str) -> list[Any]:
    """The main graph's operators of a kind, in order."""
    return [operator for operator in content.subgraphs[0].operators if kind(content, operator) == name]


def array(content: Any, tensor: Any, dtype: str) -> np.ndarray:
    """A constant's values, to be changed in place: the same ones each time, as operators may share it."""
    buffer = content.buffers[tensor.buffer]
    if not (isinstance(buffer.data, np.ndarray) and buffer.data.flags.writeable):
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


# Dtype in which the weights of each scheme are stored.
FORMATS = {
    "float32": "float32",
    "float16": "float16",
    "dynamic_wi8_afp32": "int8",
    "static_wi8_ai8": "int8",
    "static_wi8_ai16": "int8",
}


def constant(content: Any, operator: Any, place: int) -> Any:
    """The constant an operator reads, also through the DEQUANTIZE of a float16 file."""
    tensor = tensor_of(content, operator, place)
    for other in operators(content, "DEQUANTIZE"):
        if other.outputs[0] == operator.inputs[place]:
            return content.subgraphs[0].tensors[other.inputs[0]]
    return tensor


def weight(operator: str, number: int, dtype: str, entry: int | None = None) -> Edit:
    """One weight changed by 1 %, or by one code or unit in the last place where that is more; the largest unless said."""

    def edit(content: Any) -> None:
        values = array(content, constant(content, operators(content, operator)[number], 1), dtype)
        at = int(np.argmax(np.abs(values.astype(np.float64)))) if entry is None else entry % values.size
        if dtype == "int8":
            step = max(1, round(abs(int(values[at])) * 0.01))
            values[at] = values[at] - step if values[at] > 0 else values[at] + step
        else:
            changed = values[at] * np.asarray(1.01, dtype)
            values[at] = changed if changed != values[at] else np.nextafter(values[at], np.asarray(np.inf, dtype))

    return edit


def channels_swapped(operator: str, number: int, dtype: str) -> Edit:
    def edit(content: Any) -> None:
        tensor = constant(content, operators(content, operator)[number], 1)
        kernel = array(content, tensor, dtype).reshape(tensor.shape)
        kernel[[0, 1]] = kernel[[1, 0]]

    return edit


def transposed(content: Any, dtype: str) -> None:
    tensor = constant(content, operators(content, "CONV_2D")[1], 1)
    kernel = array(content, tensor, dtype).reshape(tensor.shape)
    kernel[:] = kernel.transpose(0, 2, 1, 3).copy()


def relu_for_relu6(content: Any) -> None:
    operators(content, "CONV_2D")[0].builtinOptions.fusedActivationFunction = 1


def outputs_swapped(content: Any) -> None:
    first, second = content.signatureDefs[0].outputs
    first.tensorIndex, second.tensorIndex = second.tensorIndex, first.tensorIndex


def layer_removed(content: Any) -> None:
    removed(content, operators(content, "TANH")[0])


def inputs_swapped(content: Any) -> None:
    operator = operators(content, "FULLY_CONNECTED")
    operator[1].inputs, operator[2].inputs = operator[2].inputs, operator[1].inputs


FAULTS: dict[str, tuple[Callable[[str], Edit], set[str]]] = {
    "one weight of a convolution by 1 %": (lambda dtype: weight("CONV_2D", 1, dtype), {"strided"}),
    "one weight of a depthwise convolution by 1 %": (lambda dtype: weight("DEPTHWISE_CONV_2D", 0, dtype), {"depthwise"}),
    "one weight of a transposed convolution by 1 %": (lambda dtype: weight("TRANSPOSE_CONV", 0, dtype), {"transposed"}),
    "one weight of a dense layer by 1 %": (lambda dtype: weight("FULLY_CONNECTED", 0, dtype), {"dense"}),
    "two channels swapped": (lambda dtype: channels_swapped("CONV_2D", 1, dtype), {"strided"}),
    "a kernel transposed wrongly": (lambda dtype: lambda content: transposed(content, dtype), {"strided"}),
    "ReLU for ReLU6": (lambda dtype: relu_for_relu6, {"relu6"}),
    "two outputs swapped": (lambda dtype: outputs_swapped, {"first", "second"}),
    "a layer removed": (lambda dtype: layer_removed, {"tanh"}),
    "two layers' weights swapped": (lambda dtype: inputs_swapped, {"first", "second"}),
}


# Kernels of the network `convolutions`: operator and number of it.
KERNELS = [
    ("CONV_2D", 0),
    ("CONV_2D", 1),
    ("CONV_2D", 2),
    ("DEPTHWISE_CONV_2D", 0),
    ("DEPTHWISE_CONV_2D", 1),
    ("TRANSPOSE_CONV", 0),
]
KERNELS += [("FULLY_CONNECTED", number) for number in range(3)]


def converted(content: Any, tensor: int, steps: list[tuple[str, str, float, int]]) -> None:
    """Put conversions between a tensor and the operators that read it.

    Args:
        content: schema.ModelT.
        tensor: number in the main graph.
        steps: for each conversion its operator, and dtype, scale (0: none) and zero point of what it makes.
    """
    graph = content.subgraphs[0]
    readers = [operator for operator in graph.operators if tensor in operator.inputs]
    at, now = graph.operators.index(readers[0]), tensor
    for name, dtype, scale, zero in steps:
        source = graph.tensors[tensor]
        number, kind = len(graph.tensors), getattr(schema.TensorType, dtype.upper())
        made = schema.TensorT(shape=source.shape, type=kind, name=f"{name}_{number}")
        made.quantization = schema.QuantizationParametersT(
            scale=np.array([scale], np.float32) if scale else None, zeroPoint=np.array([zero], np.int64) if scale else None
        )
        graph.tensors.append(made)
        code = getattr(schema.BuiltinOperator, name)
        content.operatorCodes.append(schema.OperatorCodeT(builtinCode=code, deprecatedBuiltinCode=code, version=2))
        options = schema.QuantizeOptionsT() if name == "QUANTIZE" else schema.DequantizeOptionsT()
        kinds = schema.BuiltinOptions.QuantizeOptions, schema.BuiltinOptions.DequantizeOptions
        conversion = schema.OperatorT(
            opcodeIndex=len(content.operatorCodes) - 1,
            inputs=np.array([now], np.int32),
            outputs=np.array([len(graph.tensors) - 1], np.int32),
            builtinOptions=options,
            builtinOptionsType=kinds[name == "DEQUANTIZE"],
        )
        graph.operators.insert(at, conversion)
        at, now = at + 1, len(graph.tensors) - 1
    for reader in readers:
        reader.inputs = np.where(np.asarray(reader.inputs) == tensor, now, reader.inputs).astype(np.int32)
