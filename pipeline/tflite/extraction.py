"""A part of a .tflite file as a file of its own: some operators of the main subgraph, with what they read and make at the ends."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from pipeline.tflite import flatbuffer, operators


def extract(
    content: Any,
    *,
    places: Sequence[int],
    inputs: Sequence[int],
    outputs: Sequence[int],
    shapes: Mapping[int, Sequence[int]],
    activated: bool = True,
) -> bytes:
    """Operators of subgraph 0 as a file whose inputs and outputs are the given tensors, in that order.

    Args:
        content: of `flatbuffer.editable`.
        places: numbers of the operators, in the order of execution.
        inputs, outputs: numbers of tensors.
        shapes: of the inputs as they are at run time, by number.
        activated: with the activations that are fused into the operators.
    """
    graph = content.subgraphs[0]
    chosen = [graph.operators[place] for place in places]
    used = dict.fromkeys(
        number
        for one in chosen
        for number in (*inputs, *_numbers(one.inputs), *_numbers(one.intermediates), *_numbers(one.outputs))
        if number >= 0
    )
    number_of = {old: new for new, old in enumerate(used)}
    buffers: list[Any] = [schema.BufferT()]
    tensors = [_tensor(graph.tensors[old], content, buffers, shapes.get(old) if old in inputs else None) for old in used]
    cut = schema.SubGraphT()
    cut.name = graph.name
    cut.tensors = tensors
    cut.inputs, cut.outputs = [number_of[old] for old in inputs], [number_of[old] for old in outputs]
    cut.operators = [_operator(one, number_of, activated=activated) for one in chosen]
    codes = {_code(content.operatorCodes[one.opcodeIndex]) for one in chosen}
    part = schema.ModelT()
    part.version, part.operatorCodes = content.version, content.operatorCodes
    part.buffers, part.subgraphs = buffers, [cut]
    if codes & _NESTING and len(content.subgraphs) > 1:
        # What a loop or a branch runs keeps its number.
        part.subgraphs += content.subgraphs[1:]
        offset = len(buffers)
        part.buffers = [*buffers, *content.buffers]
        part.subgraphs = [cut, *(_shifted(inner, offset) for inner in content.subgraphs[1:])]
    return flatbuffer.packed(part)


_NESTING = {getattr(schema.BuiltinOperator, name) for name in operators.SUBGRAPHS}


def _code(entry: Any) -> int:
    # Files of before 2020 hold the code in the one-byte field.
    return int(max(entry.builtinCode, entry.deprecatedBuiltinCode))


def _numbers(values: Any) -> list[int]:
    return [] if values is None else [int(value) for value in values]


def _copied(entry: Any) -> Any:
    copy = type(entry)()
    copy.__dict__.update(entry.__dict__)
    return copy


def _tensor(tensor: Any, content: Any, buffers: list[Any], shape: Sequence[int] | None) -> Any:
    copy = _copied(tensor)
    data = content.buffers[tensor.buffer].data
    copy.buffer = 0
    if data is not None and len(data):
        buffer = schema.BufferT()
        buffer.data = np.asarray(data)
        copy.buffer = len(buffers)
        buffers.append(buffer)
    if shape is not None:
        copy.shape, copy.shapeSignature = [int(length) for length in shape], None
    return copy


def _operator(operator: Any, number_of: Mapping[int, int], *, activated: bool) -> Any:
    copy = _copied(operator)
    if not activated and hasattr(operator.builtinOptions, "fusedActivationFunction"):
        copy.builtinOptions = _copied(operator.builtinOptions)
        copy.builtinOptions.fusedActivationFunction = schema.ActivationFunctionType.NONE
    for name in ("inputs", "outputs", "intermediates"):
        values = getattr(operator, name)
        setattr(copy, name, None if values is None else [number_of[int(old)] if old >= 0 else -1 for old in values])
    return copy


def _shifted(subgraph: Any, offset: int) -> Any:
    copy = _copied(subgraph)
    copy.tensors = []
    for tensor in subgraph.tensors:
        moved = _copied(tensor)
        moved.buffer = tensor.buffer + offset if tensor.buffer else 0
        copy.tensors.append(moved)
    return copy
