"""Faults in the numbers of a .tflite file that take more than one field: codes, scales and biases that agree with each other."""

from collections.abc import Callable
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from pipeline.tflite import operators

NAMES = {value: name for name, value in vars(schema.BuiltinOperator).items() if not name.startswith("_")}
TYPE = schema.TensorType
INTEGERS = {TYPE.INT8: np.int8, TYPE.UINT8: np.uint8, TYPE.INT16: np.int16}


def one_of(items: Any, rng: np.random.Generator) -> Any:
    return items[int(rng.integers(len(items)))]


def pick(content: Any, rng: np.random.Generator, fits: Callable[[Any, Any], bool]) -> tuple[Any, Any] | None:
    """A subgraph and one of its operators, of those that fit."""
    found = [(graph, operator) for graph in content.subgraphs for operator in graph.operators if fits(graph, operator)]
    return one_of(found, rng) if found else None


def name_of(content: Any, operator: Any) -> str:
    """An operator's name in the schema."""
    code = content.operatorCodes[operator.opcodeIndex]
    return NAMES[max(code.builtinCode, code.deprecatedBuiltinCode)]


def is_constant(content: Any, graph: Any, number: int) -> bool:
    return number >= 0 and content.buffers[graph.tensors[number].buffer].data is not None


def scales_of(tensor: Any) -> np.ndarray | None:
    found = None if tensor.quantization is None else tensor.quantization.scale
    return None if found is None else np.asarray(found, np.float32)


def _multiply(content: Any, tensor: Any, factor: float, dtype: type) -> None:
    """A constant's scales times a factor, and the codes that then mean the same, as far as they can."""
    buffer, limits = content.buffers[tensor.buffer], np.iinfo(dtype)
    codes = np.rint(np.asarray(buffer.data, np.uint8).view(dtype).astype(np.float64) / factor)
    buffer.data = np.clip(codes, -limits.max, limits.max).astype(dtype).view(np.uint8)
    tensor.quantization.scale = np.asarray(tensor.quantization.scale, np.float32) * np.float32(factor)


def _bias(content: Any, graph: Any, operator: Any, factor: float) -> None:
    """`_multiply` for an operator's bias, when it has one with scales."""
    place = operators.LINEAR[name_of(content, operator)].bias
    if len(operator.inputs) > place and is_constant(content, graph, operator.inputs[place]):
        bias = graph.tensors[operator.inputs[place]]
        if scales_of(bias) is not None:
            _multiply(content, bias, factor, np.int32 if bias.type == TYPE.INT32 else np.int64)


def kernel_rescaled(content: Any, rng: np.random.Generator) -> str | None:
    """A quantized kernel with other scales and the codes and the bias that go with them: coarser, or clipped."""

    def fits(graph: Any, operator: Any) -> bool:
        row = operators.LINEAR.get(name_of(content, operator))
        if row is None or not is_constant(content, graph, operator.inputs[row.kernel]):
            return False
        kernel = graph.tensors[operator.inputs[row.kernel]]
        return kernel.type == TYPE.INT8 and scales_of(kernel) is not None

    found = pick(content, rng, fits)
    if found is None:
        return None
    graph, operator = found
    row = operators.LINEAR[name_of(content, operator)]
    kernel = graph.tensors[operator.inputs[row.kernel]]
    factor = one_of([300.0, 16.0, 4.0, 1.5, 0.5, 1 / 16], rng)
    _multiply(content, kernel, factor, np.int8)
    _bias(content, graph, operator, factor)
    return f"scales of the kernel of {name_of(content, operator)} × {factor:g}, codes with them"


def activation_rescaled(content: Any, rng: np.random.Generator) -> str | None:
    """The scale of an activation, with that of each bias that follows from it."""
    found = [
        (graph, number)
        for graph in content.subgraphs
        for number, tensor in enumerate(graph.tensors)
        if tensor.type in INTEGERS and scales_of(tensor) is not None and not is_constant(content, graph, number)
    ]
    if not found:
        return None
    graph, number = one_of(found, rng)
    factor = one_of([0.25, 0.9, 1.1, 4.0, 64.0], rng)
    quantization = graph.tensors[number].quantization
    quantization.scale = np.asarray(quantization.scale, np.float32) * np.float32(factor)
    for operator in graph.operators:
        row = operators.LINEAR.get(name_of(content, operator))
        if row is not None and operator.inputs[row.data] == number:
            _bias(content, graph, operator, factor)
    return f"scale of an activation × {factor:g}, biases with it"


def rows_rolled(content: Any, rng: np.random.Generator) -> str | None:
    """The entries of a constant in another order: those of a channel in the next one's place."""
    found = [
        tensor
        for graph in content.subgraphs
        for number, tensor in enumerate(graph.tensors)
        if is_constant(content, graph, number) and tensor.shape is not None and len(tensor.shape) > 1 and tensor.shape[0] > 1
    ]
    if not found:
        return None
    tensor = one_of(found, rng)
    buffer = content.buffers[tensor.buffer]
    data = np.asarray(buffer.data, np.uint8)
    if len(data) % tensor.shape[0]:
        return None
    buffer.data = np.roll(data.reshape(tensor.shape[0], -1), 1, axis=0).ravel()
    return f"rows of a constant {list(map(int, tensor.shape))} rolled"


def transposed(content: Any, rng: np.random.Generator) -> str | None:
    """A constant's shape in another order with the bytes as they were, or with the bytes turned and the shape as it was."""
    found = [
        tensor
        for graph in content.subgraphs
        for number, tensor in enumerate(graph.tensors)
        if is_constant(content, graph, number) and tensor.shape is not None and len(tensor.shape) > 1
    ]
    if not found:
        return None
    tensor = one_of(found, rng)
    shape = tuple(map(int, tensor.shape))
    order = rng.permutation(len(shape))
    if rng.random() < 0.5:
        tensor.shape = np.asarray(shape, np.int32)[order]
        return f"shape {tensor.shape.tolist()} for {list(shape)}, the same bytes"
    buffer = content.buffers[tensor.buffer]
    data = np.asarray(buffer.data, np.uint8)
    if len(data) % int(np.prod(shape)):
        return None
    buffer.data = data.reshape(*shape, -1).transpose(*order, len(shape)).ravel()
    return f"bytes of {list(shape)} turned by {list(map(int, order))}"


def behind(written: Callable[[Any], bytes], content: Any, rng: np.random.Generator) -> tuple[bytes, str] | None:
    """A constant's true bytes behind the file, where `offset` and `size` point, and others in `data`, which LiteRT takes."""
    found = [buffer for buffer in content.buffers if buffer.data is not None and len(buffer.data) >= 4]
    if not found:
        return None
    buffer = one_of(found, rng)
    true = np.asarray(buffer.data, np.uint8)
    how = one_of(["both", "moved"], rng)
    buffer.data = np.zeros_like(true) if how == "both" else None
    buffer.offset, buffer.size = 2, len(true)
    # Numbers have a fixed length: the second writing is as long as the first.
    buffer.offset = -(-len(written(content)) // 16) * 16
    wrong = how == "moved" and rng.random() < 0.5
    model = written(content).ljust(buffer.offset, b"\0") + (np.roll(true, 4) if wrong else true).tobytes()
    said = {"both": "zeros in `data`, the true bytes behind the file", "moved": "bytes behind the file"}[how]
    return model, said + (", rolled" if wrong else "")
