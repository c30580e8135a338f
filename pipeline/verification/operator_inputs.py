"""Inputs and options of operators that only quantized files have, or that say how and not what is computed."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from pipeline.tflite import flatbuffer, operators
from pipeline.tflite.flatbuffer import Graph, Operator, Tensor
from pipeline.verification import stored_layout
from pipeline.verification.graph_alignment import Alignment, Place

# TensorType of the schema, as the option `quantizedBiasType` has it; 0 is its default and stands for nothing said.
_BIAS_TYPES = {0: None, 2: "int32", 4: "int64"}
_ASYMMETRIC = "asymmetricQuantizeInputs"
# What each engine writes in all operators with float data and an integer kernel.
_HYBRID = {"converter": True, "litert": False}


def added(expected: Graph, found: Graph, aligned: Alignment) -> Iterator[tuple[Place, str]]:
    """Inputs that an operator of the file reads and that of the float32 file leaves out, such as a bias.

    A constant of zeros is none: converters write one for a layer without bias.

    Yields:
        (subgraph, operator) of the float32 file, and what was added.
    """
    for place, at in sorted(aligned.operators.items()):
        one, other = expected.subgraphs[place[0]].operators[place[1]], found.subgraphs[at[0]].operators[at[1]]
        if one.name != other.name:
            continue
        tensors = found.subgraphs[at[0]].tensors
        for slot, number in enumerate(other.inputs):
            if number < 0 or (slot < len(one.inputs) and one.inputs[slot] >= 0):
                continue
            tensor = tensors[number]
            what = "a bias" if operators.of(other.name).bias == slot else f"input {slot}"
            if tensor.data is None:
                yield place, f"{other.name} reads {what} more, {tensor.name}; the network has none"
            elif (wrong := stored_layout.malformed(tensor)) is not None:
                yield place, f"{other.name} has {what} more, {tensor.name}, which {wrong}"
            elif np.any(values := flatbuffer.real(tensor)):
                first = tuple(int(i) for i in np.argwhere(values)[0]) if values.ndim else ()
                yield place, f"{other.name} has {what} that the network has not: at {list(first)} found {values[first]:.6g}"


def options(found: Graph, engine: str | None = None) -> Iterator[tuple[Place, str]]:
    """Options about the arithmetic of quantized operators that do not fit what the operator reads.

    `asymmetricQuantizeInputs` is for operators with float data and an integer kernel, which quantize their data as it comes;
    TFLiteConverter sets it in all of them and litert-quantizer in none. `quantizedBiasType` is the bias's dtype, and the sums'.

    Args:
        found: the file in question.
        engine: key of `schemes.SCHEMES` that made it; None: not known, and then most of its operators tell.

    Yields:
        (subgraph, operator), and what is wrong with it.
    """
    hybrid = _hybrid(found)
    for number, subgraph in enumerate(found.subgraphs):
        for index, operator in enumerate(subgraph.operators):
            place = (number, index)
            if operator.options.get(_ASYMMETRIC) and not _is_hybrid(operator, subgraph.tensors):
                yield place, f"{operator.name} has {_ASYMMETRIC}, which is for float data with integer weights"
            for reason in _bias_type(operator, subgraph.tensors):
                yield place, reason
    if engine is None:
        yield from _fewer(hybrid)
        return
    for place in hybrid.get(not _HYBRID[engine], ()):
        yield place, f"{_ASYMMETRIC} is {not _HYBRID[engine]}; the {engine} writes {_HYBRID[engine]}"


def undecided(found: Graph, engine: str | None) -> Iterator[str]:
    """What `options` cannot tell in a file of which nothing is said, as a line: it has one such operator."""
    if engine is None:
        counts = {value: len(places) for value, places in _hybrid(found).items()}
        if sum(counts.values()) == 1:
            yield f"{_ASYMMETRIC} of the only operator with float data and integer weights: not compared"


def _hybrid(found: Graph) -> dict[bool, list[Place]]:
    """The operators with float data and integer weights by the option `asymmetricQuantizeInputs`."""
    rows: dict[bool, list[Place]] = {}
    for number, subgraph in enumerate(found.subgraphs):
        for index, operator in enumerate(subgraph.operators):
            value = operator.options.get(_ASYMMETRIC)
            if value is not None and _is_hybrid(operator, subgraph.tensors):
                rows.setdefault(bool(value), []).append((number, index))
    return rows


def _fewer(hybrid: Mapping[bool, Sequence[Place]]) -> Iterator[tuple[Place, str]]:
    """Operators that quantize their data in another way than most of the file's."""
    if len(hybrid) == 2:
        odd = min(hybrid, key=lambda value: (len(hybrid[value]), value))
        for place in hybrid[odd]:
            yield place, f"{_ASYMMETRIC} is {odd}; the file's other operators have {not odd}"


def _is_hybrid(operator: Operator, tensors: Sequence[Tensor]) -> bool:
    row = operators.of(operator.name)
    slots = [at for at in (row.data, row.kernel) if at is not None and at < len(operator.inputs) and operator.inputs[at] >= 0]
    if len(slots) < 2:
        return False
    data, kernel = (tensors[operator.inputs[at]] for at in slots)
    return data.dtype == "float32" and kernel.scales is not None


def _bias_type(operator: Operator, tensors: Sequence[Tensor]) -> Iterator[str]:
    said = operator.options.get("quantizedBiasType")
    row = operators.of(operator.name)
    if not said:
        return
    if row.kernel is None:
        yield f"{operator.name} has quantizedBiasType {said}, and no bias"
        return
    data = tensors[operator.inputs[row.data]].dtype
    bias = row.bias if row.bias is not None and row.bias < len(operator.inputs) and operator.inputs[row.bias] >= 0 else None
    wanted = tensors[operator.inputs[bias]].dtype if bias is not None else {"int16": "int64", "int8": "int32"}.get(data)
    if _BIAS_TYPES.get(said, "another dtype") != wanted:
        yield f"{operator.name} has quantizedBiasType {said}; its bias is {wanted}"
