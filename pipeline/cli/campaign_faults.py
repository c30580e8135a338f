"""Faults that take more than one field of a .tflite file: operators added, taken out and replaced, as a wrong tool would."""

from collections.abc import Callable
from copy import copy
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from pipeline.cli.campaign_numbers import (
    INTEGERS,
    NAMES,
    TYPE,
    activation_rescaled,
    is_constant,
    kernel_rescaled,
    name_of,
    one_of,
    pick,
    rows_rolled,
    scales_of,
    transposed,
)
from pipeline.tflite import operators

# A fault changes a file's content (schema.ModelT) and says what it did; None where the file has no place for it.
Fault = Callable[[Any, np.random.Generator], str | None]
_CODES = {name: value for value, name in NAMES.items()}
_UNARY = ("ABS", "NEG", "EXP", "SQRT", "RSQRT", "SQUARE", "RELU", "RELU6", "TANH", "LOGISTIC", "ELU", "HARD_SWISH", "FLOOR", "GELU")
_BINARY = ("ADD", "SUB", "MUL", "DIV", "MAXIMUM", "MINIMUM", "SQUARED_DIFFERENCE")


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


def _read(graph: Any, old: int, new: int, but: list[Any]) -> None:
    """The operators that read a tensor, but these, read another."""
    for operator in graph.operators:
        if not any(operator is one for one in but) and operator.inputs is not None:
            operator.inputs = np.where(np.asarray(operator.inputs) == old, new, operator.inputs)


def taken_out(content: Any, rng: np.random.Generator) -> str | None:
    """An operator gone: what read its output reads its data."""
    found = pick(content, rng, lambda graph, operator: _has_data(operator) and not _of_weights(content, graph, operator))
    return None if found is None else _taken_out(content, *found)


def weights_left(content: Any, rng: np.random.Generator) -> str | None:
    """A DEQUANTIZE of weights gone: operators read them as they are stored."""
    found = pick(content, rng, lambda graph, operator: _has_data(operator) and _of_weights(content, graph, operator))
    return None if found is None else _taken_out(content, *found)


def _has_data(operator: Any) -> bool:
    return operator.inputs is not None and len(operator.inputs) > 0


def _of_weights(content: Any, graph: Any, operator: Any) -> bool:
    return name_of(content, operator) == "DEQUANTIZE" and is_constant(content, graph, operator.inputs[0])


def _taken_out(content: Any, graph: Any, operator: Any) -> str:
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

    found = pick(content, rng, fits)
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
    found = pick(content, rng, lambda graph, operator: name_of(content, operator) in family)
    if found is None:
        return None
    before = name_of(content, found[1])
    after = one_of([name for name in family[before] if name != before], rng)
    found[1].opcodeIndex = _code(content, after)
    found[1].builtinOptions, found[1].builtinOptionsType = None, 0
    return f"{after} for {before}"


def bias_added(content: Any, rng: np.random.Generator) -> str | None:
    """A bias where there is none."""

    def fits(graph: Any, operator: Any) -> bool:
        row = operators.LINEAR.get(name_of(content, operator))
        return row is not None and (len(operator.inputs) <= row.bias or operator.inputs[row.bias] < 0)

    found = pick(content, rng, fits)
    if found is None:
        return None
    graph, operator = found
    row = operators.LINEAR[name_of(content, operator)]
    kernel, data = graph.tensors[operator.inputs[row.kernel]], graph.tensors[operator.inputs[row.data]]
    axis = operators.OPERATORS[name_of(content, operator)].axis or 0
    values = rng.normal(size=int(kernel.shape[axis]))
    bias, buffer = schema.TensorT(), schema.BufferT()
    bias.name, bias.shape, bias.type = b"bias", np.array([len(values)], np.int32), TYPE.FLOAT32
    buffer.data = values.astype(np.float32).view(np.uint8)
    if data.type in INTEGERS:
        scales = scales_of(kernel)
        if scales is None or scales_of(data) is None or data.type == TYPE.INT16:
            return None
        bias.type, bias.quantization = TYPE.INT32, schema.QuantizationParametersT()
        bias.quantization.scale = (scales_of(data) * scales).astype(np.float32)
        bias.quantization.zeroPoint = np.zeros(len(scales), np.int64)
        buffer.data = np.rint(values / bias.quantization.scale).astype(np.int32).view(np.uint8)
    content.buffers.append(buffer)
    bias.buffer = len(content.buffers) - 1
    inputs = [*map(int, operator.inputs[: row.bias]), _tensor(graph, bias)]
    operator.inputs = np.array(inputs, np.int32)
    return f"a bias for {name_of(content, operator)}"


def requantized(content: Any, rng: np.random.Generator) -> str | None:
    """A pair of QUANTIZE and DEQUANTIZE, or of two QUANTIZE, that loses range or precision in between."""
    types = {TYPE.FLOAT32: "DEQUANTIZE", TYPE.INT8: "QUANTIZE", TYPE.INT16: "QUANTIZE"}

    def fits(graph: Any, operator: Any) -> bool:
        tensor = graph.tensors[operator.outputs[0]]
        return tensor.type in types and (tensor.type == TYPE.FLOAT32 or scales_of(tensor) is not None)

    found = pick(content, rng, fits)
    if found is None:
        return None
    graph, operator = found
    old = operator.outputs[0]
    tensor = graph.tensors[old]
    held = copy(tensor)
    held.quantization = schema.QuantizationParametersT()
    factor = one_of([0.05, 1.0, 8.0], rng)
    before = 0.05 if tensor.type == TYPE.FLOAT32 else float(scales_of(tensor)[0])  # type: ignore[index]
    held.quantization.scale, held.quantization.zeroPoint = np.array([before * factor], np.float32), np.array([0], np.int64)
    held.type, held.name = (TYPE.INT16 if tensor.type == TYPE.INT16 else TYPE.INT8), b"held"
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


FAULTS: dict[str, Fault] = {
    "an operator taken out": taken_out,
    "weights left as they are stored": weights_left,
    "an operator applied twice": twice,
    "an operator replaced": replaced,
    "a kernel rescaled with its codes": kernel_rescaled,
    "an activation rescaled with the biases": activation_rescaled,
    "a bias added": bias_added,
    "a pair of conversions added": requantized,
    "rows of a constant rolled": rows_rolled,
    "a constant transposed": transposed,
}
