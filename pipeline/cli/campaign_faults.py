"""Faults that take more than one field of a .tflite file: what a wrong tool would write, each field agreeing with the others."""

from collections.abc import Callable
from copy import copy
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from pipeline.tflite import operators

# A fault changes a file's content (schema.ModelT) and says what it did; None where the file has no place for it.
Fault = Callable[[Any, np.random.Generator], str | None]
_NAMES = {value: name for name, value in vars(schema.BuiltinOperator).items() if not name.startswith("_")}
_CODES = {name: value for value, name in _NAMES.items()}
_TYPE = schema.TensorType
_INTEGERS = {_TYPE.INT8: np.int8, _TYPE.UINT8: np.uint8, _TYPE.INT16: np.int16}
_UNARY = ("ABS", "NEG", "EXP", "SQRT", "RSQRT", "SQUARE", "RELU", "RELU6", "TANH", "LOGISTIC", "ELU", "HARD_SWISH", "FLOOR", "GELU")
_BINARY = ("ADD", "SUB", "MUL", "DIV", "MAXIMUM", "MINIMUM", "SQUARED_DIFFERENCE")


def _one(items: Any, rng: np.random.Generator) -> Any:
    return items[int(rng.integers(len(items)))]


def _pick(content: Any, rng: np.random.Generator, fits: Callable[[Any, Any], bool]) -> tuple[Any, Any] | None:
    """A subgraph and one of its operators, of those that fit."""
    found = [(graph, operator) for graph in content.subgraphs for operator in graph.operators if fits(graph, operator)]
    return _one(found, rng) if found else None


def name_of(content: Any, operator: Any) -> str:
    """An operator's name in the schema."""
    code = content.operatorCodes[operator.opcodeIndex]
    return _NAMES[max(code.builtinCode, code.deprecatedBuiltinCode)]


def _code(content: Any, name: str) -> int:
    """The number of an operator's code in the file; added when it is not there."""
    for number, code in enumerate(content.operatorCodes):
        if max(code.builtinCode, code.deprecatedBuiltinCode) == _CODES[name]:
            return number
    added = schema.OperatorCodeT()
    added.builtinCode, added.deprecatedBuiltinCode, added.version = _CODES[name], min(_CODES[name], 127), 1
    content.operatorCodes.append(added)
    return len(content.operatorCodes) - 1


def _tensor(graph: Any, tensor: Any) -> int:
    graph.tensors.append(tensor)
    return len(graph.tensors) - 1


def _constant(content: Any, graph: Any, number: int) -> bool:
    return number >= 0 and content.buffers[graph.tensors[number].buffer].data is not None


def _scales(tensor: Any) -> np.ndarray | None:
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
    if len(operator.inputs) > place and _constant(content, graph, operator.inputs[place]):
        bias = graph.tensors[operator.inputs[place]]
        if _scales(bias) is not None:
            _multiply(content, bias, factor, np.int32 if bias.type == _TYPE.INT32 else np.int64)


def _read(graph: Any, old: int, new: int, but: list[Any]) -> None:
    """The operators that read a tensor, but these, read another."""
    for operator in graph.operators:
        if not any(operator is one for one in but) and operator.inputs is not None:
            operator.inputs = np.where(np.asarray(operator.inputs) == old, new, operator.inputs)


def taken_out(content: Any, rng: np.random.Generator) -> str | None:
    """An operator gone: what read its output reads its data."""
    found = _pick(content, rng, lambda graph, operator: operator.inputs is not None and len(operator.inputs) > 0)
    if found is None:
        return None
    graph, operator = found
    data, gone = operator.inputs[0], operator.outputs[0]
    graph.operators = [other for other in graph.operators if other is not operator]
    _read(graph, gone, data, [])
    graph.outputs = np.where(np.asarray(graph.outputs) == gone, data, graph.outputs)
    for signature in content.signatureDefs or []:
        for entry in signature.outputs:
            if graph is content.subgraphs[signature.subgraphIndex] and entry.tensorIndex == gone:
                entry.tensorIndex = data
    return f"{name_of(content, operator)} taken out"


def twice(content: Any, rng: np.random.Generator) -> str | None:
    """An operator applied twice, where its output has the shape of its data."""

    def fits(graph: Any, operator: Any) -> bool:
        if operator.inputs is None or not len(operator.inputs) or len(operator.outputs) != 1 or operator.inputs[0] < 0:
            return False
        ends = graph.tensors[operator.inputs[0]], graph.tensors[operator.outputs[0]]
        return np.array_equal(ends[0].shape, ends[1].shape) and ends[0].type == ends[1].type

    found = _pick(content, rng, fits)
    if found is None:
        return None
    graph, operator = found
    again, between = copy(operator), _tensor(graph, copy(graph.tensors[operator.outputs[0]]))
    again.inputs = np.concatenate([[between], operator.inputs[1:]]).astype(np.int32)
    operator.outputs = np.array([between], np.int32)
    graph.operators = [one for other in graph.operators for one in ((other, again) if other is operator else (other,))]
    return f"{name_of(content, operator)} applied twice"


def replaced(content: Any, rng: np.random.Generator) -> str | None:
    """An operator for another that takes the same inputs."""
    family = {**dict.fromkeys(_UNARY, _UNARY), **dict.fromkeys(_BINARY, _BINARY)}
    found = _pick(content, rng, lambda graph, operator: name_of(content, operator) in family)
    if found is None:
        return None
    before = name_of(content, found[1])
    after = _one([name for name in family[before] if name != before], rng)
    found[1].opcodeIndex = _code(content, after)
    found[1].builtinOptions, found[1].builtinOptionsType = None, 0
    return f"{after} for {before}"


def kernel_rescaled(content: Any, rng: np.random.Generator) -> str | None:
    """A quantized kernel with other scales and the codes and the bias that go with them: coarser, or clipped."""

    def fits(graph: Any, operator: Any) -> bool:
        row = operators.LINEAR.get(name_of(content, operator))
        if row is None or not _constant(content, graph, operator.inputs[row.kernel]):
            return False
        kernel = graph.tensors[operator.inputs[row.kernel]]
        return kernel.type == _TYPE.INT8 and _scales(kernel) is not None

    found = _pick(content, rng, fits)
    if found is None:
        return None
    graph, operator = found
    row = operators.LINEAR[name_of(content, operator)]
    kernel = graph.tensors[operator.inputs[row.kernel]]
    factor = _one([300.0, 16.0, 4.0, 1.5, 0.5, 1 / 16], rng)
    _multiply(content, kernel, factor, np.int8)
    _bias(content, graph, operator, factor)
    return f"scales of the kernel of {name_of(content, operator)} × {factor:g}, codes with them"


def activation_rescaled(content: Any, rng: np.random.Generator) -> str | None:
    """The scale of an activation, with that of each bias that follows from it."""
    found = [
        (graph, number)
        for graph in content.subgraphs
        for number, tensor in enumerate(graph.tensors)
        if tensor.type in _INTEGERS and _scales(tensor) is not None and not _constant(content, graph, number)
    ]
    if not found:
        return None
    graph, number = _one(found, rng)
    factor = _one([0.25, 0.9, 1.1, 4.0, 64.0], rng)
    quantization = graph.tensors[number].quantization
    quantization.scale = np.asarray(quantization.scale, np.float32) * np.float32(factor)
    for operator in graph.operators:
        row = operators.LINEAR.get(name_of(content, operator))
        if row is not None and operator.inputs[row.data] == number:
            _bias(content, graph, operator, factor)
    return f"scale of an activation × {factor:g}, biases with it"


def bias_added(content: Any, rng: np.random.Generator) -> str | None:
    """A bias where there is none."""

    def fits(graph: Any, operator: Any) -> bool:
        row = operators.LINEAR.get(name_of(content, operator))
        return row is not None and (len(operator.inputs) <= row.bias or operator.inputs[row.bias] < 0)

    found = _pick(content, rng, fits)
    if found is None:
        return None
    graph, operator = found
    row = operators.LINEAR[name_of(content, operator)]
    kernel, data = graph.tensors[operator.inputs[row.kernel]], graph.tensors[operator.inputs[row.data]]
    axis = operators.OPERATORS[name_of(content, operator)].axis or 0
    values = rng.normal(size=int(kernel.shape[axis]))
    bias, buffer = schema.TensorT(), schema.BufferT()
    bias.name, bias.shape, bias.type = b"bias", np.array([len(values)], np.int32), _TYPE.FLOAT32
    buffer.data = values.astype(np.float32).view(np.uint8)
    if data.type in _INTEGERS:
        scales = _scales(kernel)
        if scales is None or _scales(data) is None or data.type == _TYPE.INT16:
            return None
        bias.type, bias.quantization = _TYPE.INT32, schema.QuantizationParametersT()
        bias.quantization.scale = (_scales(data) * scales).astype(np.float32)
        bias.quantization.zeroPoint = np.zeros(len(scales), np.int64)
        buffer.data = np.rint(values / bias.quantization.scale).astype(np.int32).view(np.uint8)
    content.buffers.append(buffer)
    bias.buffer = len(content.buffers) - 1
    inputs = [*map(int, operator.inputs[: row.bias]), _tensor(graph, bias)]
    operator.inputs = np.array(inputs, np.int32)
    return f"a bias for {name_of(content, operator)}"


def requantized(content: Any, rng: np.random.Generator) -> str | None:
    """A pair of QUANTIZE and DEQUANTIZE, or of two QUANTIZE, that loses range or precision in between."""
    types = {_TYPE.FLOAT32: "DEQUANTIZE", _TYPE.INT8: "QUANTIZE", _TYPE.INT16: "QUANTIZE"}

    def fits(graph: Any, operator: Any) -> bool:
        tensor = graph.tensors[operator.outputs[0]]
        return tensor.type in types and (tensor.type == _TYPE.FLOAT32 or _scales(tensor) is not None)

    found = _pick(content, rng, fits)
    if found is None:
        return None
    graph, operator = found
    old = operator.outputs[0]
    tensor = graph.tensors[old]
    held = copy(tensor)
    held.quantization = schema.QuantizationParametersT()
    factor = _one([0.05, 1.0, 8.0], rng)
    before = 0.05 if tensor.type == _TYPE.FLOAT32 else float(_scales(tensor)[0])  # type: ignore[index]
    held.quantization.scale, held.quantization.zeroPoint = np.array([before * factor], np.float32), np.array([0], np.int64)
    held.type, held.name = (_TYPE.INT16 if tensor.type == _TYPE.INT16 else _TYPE.INT8), b"held"
    middle, last = _tensor(graph, held), _tensor(graph, copy(tensor))
    pair = []
    for name, (source, target) in zip(("QUANTIZE", types[tensor.type]), ((old, middle), (middle, last)), strict=True):
        made = schema.OperatorT()
        made.opcodeIndex = _code(content, name)
        made.inputs, made.outputs = np.array([source], np.int32), np.array([target], np.int32)
        pair.append(made)
    _read(graph, old, last, pair)
    graph.operators = [one for other in graph.operators for one in ((other, *pair) if other is operator else (other,))]
    return f"a pair of QUANTIZE and {types[tensor.type]} with a scale of {before * factor:.3g}"


def rows_rolled(content: Any, rng: np.random.Generator) -> str | None:
    """The entries of a constant in another order: those of a channel in the next one's place."""
    found = [
        tensor
        for graph in content.subgraphs
        for number, tensor in enumerate(graph.tensors)
        if _constant(content, graph, number) and tensor.shape is not None and len(tensor.shape) > 1 and tensor.shape[0] > 1
    ]
    if not found:
        return None
    tensor = _one(found, rng)
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
        if _constant(content, graph, number) and tensor.shape is not None and len(tensor.shape) > 1
    ]
    if not found:
        return None
    tensor = _one(found, rng)
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


FAULTS: dict[str, Fault] = {
    "an operator taken out": taken_out,
    "an operator applied twice": twice,
    "an operator replaced": replaced,
    "a kernel rescaled with its codes": kernel_rescaled,
    "an activation rescaled with the biases": activation_rescaled,
    "a bias added": bias_added,
    "a pair of conversions added": requantized,
    "rows of a constant rolled": rows_rolled,
    "a constant transposed": transposed,
}


def behind(written: Callable[[Any], bytes], content: Any, rng: np.random.Generator) -> tuple[bytes, str] | None:
    """A constant's true bytes behind the file, where `offset` and `size` point, and others in `data`, which LiteRT takes."""
    found = [buffer for buffer in content.buffers if buffer.data is not None and len(buffer.data) >= 4]
    if not found:
        return None
    buffer = _one(found, rng)
    true = np.asarray(buffer.data, np.uint8)
    how = _one(["both", "moved"], rng)
    buffer.data = np.zeros_like(true) if how == "both" else None
    buffer.offset, buffer.size = 2, len(true)
    # Numbers have a fixed length: the second writing is as long as the first.
    buffer.offset = -(-len(written(content)) // 16) * 16
    wrong = how == "moved" and rng.random() < 0.5
    model = written(content).ljust(buffer.offset, b"\0") + (np.roll(true, 4) if wrong else true).tobytes()
    said = {"both": "zeros in `data`, the true bytes behind the file", "moved": "bytes behind the file"}[how]
    return model, said + (", rolled" if wrong else "")
