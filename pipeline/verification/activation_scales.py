"""Do the scales and zero points of activations follow from the ranges that were measured on real samples?"""

from collections.abc import Iterator, Mapping

import numpy as np

from pipeline.tflite import operators
from pipeline.tflite.flatbuffer import Graph, Tensor
from pipeline.verification import number_words, stored_values
from pipeline.verification.graph_alignment import Place

Slot = tuple[int, int]
Format = tuple[str, tuple[float, ...], tuple[int, ...]]
Ranges = Mapping[str, tuple[float, float]]

# Ranges and scales are written as float32 on the way.
_TOLERANCE = 1e-6


def unexplained(
    expected: Graph, found: Graph, tensors: Mapping[Slot, Slot], measured: Mapping[str, Ranges]
) -> Iterator[tuple[Place | None, str, str]]:
    """Activations of a file whose scale or zero point is not that of a measured range.

    Those of outputs that LiteRT fixes (softmax, logistic, tanh) and of constants are other checks' business. Tensors that
    share one scale because an operator wants it so may have the range of any of them.

    Args:
        expected: the float32 file.
        found: the file in question.
        tensors: (subgraph, tensor) of the found file by that of the float32 file (`graph_alignment.align`).
        measured: `bits` of models/ranges.json: ranges by tensor of the float32 file, under "8" and "16". Where operators of
            different widths meet, a tensor may have the range of either.

    Yields:
        (subgraph, operator) that writes it, None for an input of the network; its name; what is wrong with it.
    """
    named = names(expected, found, tensors)
    writers = {
        (number, index): (number, at)
        for number, subgraph in enumerate(found.subgraphs)
        for at, operator in enumerate(subgraph.operators)
        for index in operator.outputs
    }
    before = _sources(found)
    together = groups(found)
    beside = {slot: group for group in together for slot in group}
    for group in together:
        tensors_of = [found.subgraphs[number].tensors[index] for number, index in group]
        writing = [
            found.subgraphs[number].operators[at].name for number, at in (writers[slot] for slot in group if slot in writers)
        ]
        if any(tensor.data is not None for tensor in tensors_of) or any(name in stored_values.FIXED for name in writing):
            continue
        form = _format(tensors_of[0])  # that of all of them
        known = {slot: [of[named[slot]] for of in measured.values() if named[slot] in of] for slot in group if slot in named}
        if form is None or any(_follows(form, *between) for ranges in known.values() for between in ranges):
            continue
        sources = [before[slot] for slot in group if slot in before]
        others = [named[slot] for source, _ in sources for slot in beside.get(source, []) if slot in named]
        shared = [of[name] for name in others for of in measured.values() if name in of]
        if any(_follows(form, *between) for between in (*shared, *(between for _, between in sources))):
            continue
        slot = next((slot for slot in group if known.get(slot)), group[0])
        has, why = f"{form[1][0]:.6g}", "no range was measured for it"
        if known.get(slot):
            low, high = known[slot][0]
            scale, zero = parameters(low, high, form[0])
            has, asked = number_words.distinct(form[1][0], scale)
            why = f"its measured range, {low:.6g} to {high:.6g}, asks for {asked}, {zero}"
        name = found.subgraphs[slot[0]].tensors[slot[1]].name
        yield writers.get(slot), name, f"scale {has}, zero point {form[2][0]}; {why}"


def parameters(low: float, high: float, dtype: str) -> tuple[float, int]:
    """Scale and zero point of a range.

    8 bits: the range, widened to hold zero, over all 255 steps; 16 bits: symmetric around zero. A dead tensor counts as 0 to 1.
    https://ai.google.dev/edge/litert/conversion/tensorflow/quantization/quantization_spec
    """
    limits = np.iinfo(dtype)
    low, high = min(low, 0.0), max(high, 0.0)
    if low == high:
        high = 1.0
    if dtype == "int16":
        return max(-low, high) / limits.max, 0
    scale = (high - low) / (int(limits.max) - int(limits.min))
    return scale, int(np.rint(limits.min - low / scale))


def _follows(form: Format, low: float, high: float) -> bool:
    dtype, scales, zero_points = form
    scale, zero = parameters(low, high, dtype)
    if len(scales) != 1 or abs(scales[0] / scale - 1) > _TOLERANCE:
        return False
    # Near a tie the rounding of the scale decides about the zero point.
    exact = zero if dtype == "int16" else np.iinfo(dtype).min - min(low, 0.0) / scale
    return abs(zero_points[0] - exact) <= 0.5 + abs(exact) * _TOLERANCE


def names(expected: Graph, found: Graph, tensors: Mapping[Slot, Slot]) -> dict[Slot, str]:
    """The float32 file's tensor for each of the found file's; what an operator only brings into another format keeps its name."""
    found_names = {theirs: expected.subgraphs[ours[0]].tensors[ours[1]].name for ours, theirs in tensors.items()}
    changing = [
        ((number, operator.inputs[0]), (number, operator.outputs[0]))
        for number, subgraph in enumerate(found.subgraphs)
        for operator in subgraph.operators
        if operator.name in operators.CONVERSIONS
    ]
    # A tensor may be brought into two formats: from one of them back to it, and on to the other.
    for _ in range(2):
        for before, after in changing:
            if before in found_names:
                found_names.setdefault(after, found_names[before])
        for before, after in reversed(changing):
            if after in found_names:
                found_names.setdefault(before, found_names[after])
    return found_names


def _sources(found: Graph) -> dict[Slot, tuple[Slot, tuple[float, float]]]:
    """For tensors brought from one width to another: the integers they are made of, and what those can express.

    Such a tensor may have the range of its source instead of its own, and that need not be a measured one: an operator shares it
    with others, or a kernel takes it for granted.
    """
    ranges: dict[Slot, tuple[Slot, tuple[float, float]]] = {}
    for number, subgraph in enumerate(found.subgraphs):
        for operator in subgraph.operators:
            if operator.name == "QUANTIZE":
                form, after = (_format(subgraph.tensors[side[0]]) for side in (operator.inputs, operator.outputs))
                if form is not None and after is not None and np.iinfo(form[0]).bits != np.iinfo(after[0]).bits:
                    limits, scale, zero = np.iinfo(form[0]), form[1][0], form[2][0]
                    # 16 bits are symmetric, and leave out the least code.
                    low = -limits.max if form[0] == "int16" else limits.min
                    between = (low - zero) * scale, (limits.max - zero) * scale
                    ranges[number, operator.outputs[0]] = (number, operator.inputs[0]), between
    return ranges


def groups(found: Graph) -> list[list[Slot]]:
    """Quantized activations, those together that share one scale because an operator wants it so, in the file's order.

    A constant belongs to a group when an operator that only moves values reads it, as an embedding does.
    """
    of: dict[Slot, list[Slot]] = {}
    for number, subgraph in enumerate(found.subgraphs):
        for operator in subgraph.operators:
            forms = {index: _format(subgraph.tensors[index]) for index in (*operator.inputs, *operator.outputs) if index >= 0}
            moved = operator.inputs[:1] if operator.name in operators.MOVES else ()
            quantized = [
                index for index, form in forms.items() if form and (subgraph.tensors[index].data is None or index in moved)
            ]
            for index in quantized:
                of.setdefault((number, index), [(number, index)])
            # A QUANTIZE that changes nothing stands behind embeddings.
            if operator.name in operators.SHARES:
                wanted = _codes(forms[operator.outputs[0]])
                together = [of[number, index] for index in quantized if _codes(forms[index]) == wanted]
                merged = list(dict.fromkeys(slot for group in together for slot in group))
                of.update(dict.fromkeys(merged, merged))
    return list({id(group): group for group in of.values()}.values())


def _format(tensor: Tensor) -> Format | None:
    if tensor.scales is None or tensor.zero_points is None or tensor.dtype not in stored_values.ACTIVATIONS:
        return None
    return tensor.dtype, tuple(tensor.scales.tolist()), tuple(tensor.zero_points.tolist())


def _codes(form: Format | None) -> tuple[int, tuple[float, ...], tuple[int, ...]] | None:
    """What codes mean, counted from the least: uint8 is int8 moved by 128."""
    if form is None:
        return None
    limits = np.iinfo(form[0])
    return limits.bits, form[1], tuple(zero - int(limits.min) for zero in form[2])
