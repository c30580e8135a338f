"""Rounding that was trained (fake quantization): does a file bring values to the integers that the float32 file brings them to?"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from pipeline.tflite import flatbuffer
from pipeline.tflite.flatbuffer import Graph, Operator, Tensor
from pipeline.tflite.operators import CONVERSIONS
from pipeline.verification import fake_quantization, rounded_arithmetic
from pipeline.verification.fake_quantization import Format
from pipeline.verification.graph_alignment import Alignment, Place
from pipeline.verification.tensor_origin import Slot


def broken(source: Mapping[str, Any], expected: Graph, found: Graph, aligned: Alignment) -> Iterator[tuple[Place | None, str, str]]:
    """Scales and zero points of a file that are not those of the network's fake quantization; nothing when it has none.

    Args:
        source: of `inference_graph.read`.
        expected: the float32 file.
        found: the file in question.
        aligned: what corresponds.

    Yields:
        (subgraph, operator) of the found file that reads or writes it, None for an input; its name; what is wrong with it.
    """
    if any(node["op"] in fake_quantization.OPS for node in source["nodes"]):
        for place, at, wanted, forms in _pairs(expected, found, aligned):
            if not any(fake_quantization.same(form, wanted) for form in forms.values()):
                yield place, found.subgraphs[at[0]].tensors[at[1]].name, _lacking(wanted, forms.values())


def held(expected: Graph, found: Graph, aligned: Alignment) -> set[Slot]:
    """Integers that the found file brings values of float to just as the float32 file, and so the network, does.

    Arguments as those of `broken`. Where an operator writes the trained integers itself, no conversion is left to be excused.
    """
    rounds = {
        (number, one.outputs[0])
        for number, sub in enumerate(found.subgraphs)
        for one in sub.operators
        if _converts(one, "QUANTIZE") and sub.tensors[one.inputs[0]].scales is None
    }
    forms = ((form, *pair) for *_, form, there in _pairs(expected, found, aligned) for pair in there.items())
    return {at for wanted, at, form in forms if at in rounds and fake_quantization.same(form, wanted)}


def _pairs(expected: Graph, found: Graph, aligned: Alignment) -> Iterator[tuple[Place | None, Slot, Format, Mapping[Slot, Format]]]:
    """Values that the float32 file brings to integers and back with nothing between, and what the found file does there.

    Yields:
        (subgraph, operator) of the found file; the tensor that stands for the rounded values; the format that the float32 file
        brings them to; and all formats that the found file brings them to between two operators.
    """
    makers = [{output: index for index, one in enumerate(sub.operators) for output in one.outputs} for sub in found.subgraphs]
    into = [{one.inputs[0]: one.outputs[0] for one in sub.operators if _converts(one, "QUANTIZE")} for sub in expected.subgraphs]
    for (number, index, slot), at in aligned.constants.items():
        subgraph = expected.subgraphs[number]
        rounded_to = into[number].get(subgraph.operators[index].inputs[slot])
        form = None if rounded_to is None else fake_quantization.format_of(subgraph.tensors[rounded_to])
        if form is not None and rounded_to is not None:
            readers = [
                one.outputs[0] for one in found.subgraphs[at[0]].operators if _converts(one, "QUANTIZE") and one.inputs[0] == at[1]
            ]
            if not readers and _is_rounded(subgraph.tensors[subgraph.operators[index].inputs[slot]], subgraph.tensors[rounded_to]):
                # The converter stored the rounded values, which other checks compare: rounding them again changes nothing.
                continue
            yield aligned.operators.get((number, index)), at, form, _formats(found, at[0], [at[1], *readers])
    for number, subgraph in enumerate(expected.subgraphs):
        before = {output: one for one in subgraph.operators for output in one.outputs}
        for operator in subgraph.operators:
            if not _converts(operator, "DEQUANTIZE"):
                continue
            quantized = before.get(operator.inputs[0])
            there = aligned.tensors.get((number, operator.outputs[0]))
            form = fake_quantization.format_of(subgraph.tensors[operator.inputs[0]])
            if quantized is None or not _converts(quantized, "QUANTIZE") or there is None or form is None:
                continue
            maker = makers[there[0]].get(there[1])
            place = None if maker is None else (there[0], maker)
            yield place, there, form, _formats(found, there[0], _back(found, makers[there[0]], there))


def _back(found: Graph, makers: Mapping[int, int], at: Slot) -> list[int]:
    """A tensor and those that it is made of by nothing but conversions."""
    operators = found.subgraphs[at[0]].operators
    tensors = [at[1]]
    while tensors[-1] in makers and operators[makers[tensors[-1]]].name in CONVERSIONS:
        before = operators[makers[tensors[-1]]].inputs[:1]
        # A damaged file's conversions may read nothing, or go in a circle.
        if not before or before[0] in tensors:
            break
        tensors += before
    return tensors


def _converts(operator: Operator, name: str) -> bool:
    """Whether an operator is of a name, and reads and writes something: a damaged file's may not."""
    return operator.name == name and bool(operator.inputs) and bool(operator.outputs)


def _is_rounded(constant: Tensor, rounded: Tensor) -> bool:
    """Whether rounding leaves the values of a constant as they are."""
    form = fake_quantization.format_of(rounded)
    if form is None or constant.dtype != "float32" or not np.all(form.scales > 0):
        return False
    along = [1] * len(constant.shape)
    if form.scales.size > 1:
        along[rounded.quantized_dimension] = form.scales.size
    scales, zeros = form.scales.reshape(along), form.zero_points.reshape(along)
    codes = flatbuffer.values(constant) / scales + zeros
    near = np.abs(codes - np.rint(codes)) <= 4 * rounded_arithmetic.UNIT * 2**form.bits
    return bool(np.all(near & (np.rint(codes) >= 0) & (np.rint(codes) < 2**form.bits)))


def _formats(found: Graph, number: int, tensors: Sequence[int]) -> dict[Slot, Format]:
    forms = {(number, tensor): fake_quantization.format_of(found.subgraphs[number].tensors[tensor]) for tensor in tensors}
    return {at: form for at, form in forms.items() if form is not None}


def _lacking(wanted: Format, forms: Collection[Format]) -> str:
    if not forms:
        return "the network rounds these values (fake quantization), and the file does not"
    nearest = min(forms, key=lambda form: (form.bits != wanted.bits, abs(form.scales[0] - wanted.scales[0])))
    return f"{fake_quantization.words(nearest)}; the network's fake quantization asks for {fake_quantization.words(wanted)}"
