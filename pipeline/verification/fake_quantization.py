"""Networks trained with fake quantization: the ranges that their graph states, and the scales of a file that must follow from them.

A converter turns each such operation into a QUANTIZE and a DEQUANTIZE, which it then moves into the operators around them.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from pipeline.tflite.flatbuffer import Graph, Tensor
from pipeline.verification.graph_alignment import Alignment, Place
from pipeline.verification.rounded_arithmetic import UNIT, Constant

OPS = frozenset(("FakeQuantWithMinMaxVars", "FakeQuantWithMinMaxVarsPerChannel", "FakeQuantWithMinMaxArgs"))

Slot = tuple[int, int]
# Range and scale are float32, and rounded once more on the way: kernels' ranges are computed from float32 weights.
_TOLERANCE = 4 * 2.0**-23
_BITS = {"int8": 8, "uint8": 8, "int16": 16, "uint16": 16, "int4": 4}


class Format(NamedTuple):
    """What codes mean: bits, scales float64 and zero points int64 [channels], the latter counted from the least code.

    `ties`: bool [channels], where the zero point lies between two codes: TensorFlow rounds in float32, the converter in float64.
    """

    bits: int
    scales: np.ndarray
    zero_points: np.ndarray
    ties: np.ndarray | bool = False


def parameters(low: np.ndarray, high: np.ndarray, *, bits: int, narrow: bool) -> Format:
    """Scale and zero point of a stated range, as TensorFlow rounds with it.

    The range is moved by less than a step, so that zero is a code: `Nudge` in tensorflow/core/kernels/fake_quant_ops_functor.h

    Args:
        low, high: float32 [channels].
        bits: of the codes.
        narrow: the least code is left out.
    """
    first, last = int(narrow), 2**bits - 1
    low, high = np.atleast_1d(low).astype(np.float32), np.atleast_1d(high).astype(np.float32)
    scale = (high - low) / np.float32(last - first)
    with np.errstate(divide="ignore", invalid="ignore"):
        exact = np.float32(first) - low / scale
    # Half away from zero; NaN of an empty range stays at the first code.
    zero = np.where(exact >= last, last, np.where(exact > first, np.floor(exact.astype(np.float64) + 0.5), first))
    wide = (high.astype(np.float64) - low) / (last - first)
    return Format(bits, wide, zero.astype(np.int64), np.abs(np.mod(exact, 1.0) - 0.5) < 4 * UNIT * 2**bits)


def of_operation(node: Mapping[str, Any], low: np.ndarray, high: np.ndarray) -> Format:
    """The format that a fake quantization states.

    Args:
        node: of `OPS`.
        low, high: its range, float32 [channels] or [].
    """
    attributes = node["attributes"]
    bits, narrow = int(attributes.get("num_bits", 8)), bool(attributes.get("narrow_range"))
    return parameters(np.asarray(low), np.asarray(high), bits=bits, narrow=narrow)


def rounded(node: Mapping[str, Any], inputs: Sequence[Constant]) -> tuple[np.ndarray, np.ndarray]:
    """A constant after fake quantization, and how far float32 arithmetic may be from it: a step where it lies close to a tie.

    Args:
        node: of `OPS`, with a range that it reads.
        inputs: values [..., channels], and the ends of the range.
    """
    value, low, high = (constant.value for constant in inputs)
    form = of_operation(node, low, high)
    first, last = int(bool(node["attributes"].get("narrow_range"))), 2**form.bits - 1
    with np.errstate(divide="ignore", invalid="ignore"):
        exact = value / form.scales + form.zero_points
        apart = np.abs(np.mod(exact, 1.0) - 0.5)
        # Range, scale and quotient are each rounded to float32, of up to 2^bits codes.
        near = apart <= np.asarray(inputs[0].error) / form.scales + 4 * UNIT * 2**form.bits
    codes = np.clip(np.floor(exact + 0.5), first, last)
    # An empty range makes zeros.
    result = np.where(form.scales > 0, (codes - form.zero_points) * form.scales, 0.0)
    error = np.where(near & (exact > first - 1) & (exact < last + 1), form.scales, 0.0) + 4 * UNIT * 2**form.bits * form.scales
    return result, error


def ranges(nodes: Sequence[Mapping[str, Any]]) -> set[str]:
    """Paths of the variables that are nothing but ends of ranges of fake quantization, as they are or negated."""
    found: dict[str, str] = {}
    other: set[str] = set()
    for node in nodes:
        if node["op"] == "Variable":
            found[f"{node['name']}:0"] = node["path"]
            continue
        for place, reference in enumerate(node["inputs"]):
            if reference in found and node["op"] == "Neg":
                found[f"{node['name']}:0"] = found[reference]
            elif reference in found and not (node["op"] in OPS and place > 0):
                other.add(found[reference])
    return set(found.values()) - other


def unexplained(
    nodes: Sequence[Mapping[str, Any]], known: Mapping[str, Constant], graph: Graph
) -> Iterator[tuple[Place | None, str]]:
    """Fake quantization of values that the float32 file does not round, or not so, and what it rounds for no reason.

    Args:
        nodes: of the network's graph.
        known: of `constant_folding.evaluate`.
        graph: the float32 file.

    Yields:
        (subgraph, operator) of the file, None for something that is missing; and what is wrong.
    """
    wanted = {}
    for node in nodes:
        if node["op"] in OPS and node["inputs"][0] not in known:
            ends = [known.get(reference) for reference in node["inputs"][1:3]]
            if len(ends) == 2 and ends[0] is not None and ends[1] is not None:
                wanted[node["name"]] = of_operation(node, ends[0].value, ends[1].value)
            elif len(ends) == 0:
                low, high = (np.asarray(node["attributes"][key], np.float32) for key in ("min", "max"))
                wanted[node["name"]] = of_operation(node, low, high)
    held = set()
    for number, subgraph in enumerate(graph.subgraphs):
        for index, operator in enumerate(subgraph.operators):
            if operator.name != "QUANTIZE":
                continue
            before, after = (subgraph.tensors[side[0]] for side in (operator.inputs, operator.outputs))
            form = _format(after)
            if before.data is not None or form is None:
                continue
            fitting = {name for name, other in wanted.items() if same(form, other)}
            held |= fitting
            if not fitting:
                yield (number, index), f"{_words(form)}: no fake quantization of the network asks for it"
    for name, form in wanted.items():
        if name not in held:
            yield None, f"the network rounds values to {_words(form)} ({name}), and no operator does"


def broken(
    source: Mapping[str, Any], expected: Graph, found: Graph, aligned: Alignment, *, measured: bool
) -> Iterator[tuple[Place | None, str, str]]:
    """Scales and zero points of a file that are not those of the network's fake quantization; nothing when it has none.

    Args:
        source: of `inference_graph.read`.
        expected: the float32 file.
        found: the file in question.
        aligned: what corresponds.
        measured: the scales of activations were made of ranges measured behind the rounding, which another check compares.

    Yields:
        (subgraph, operator) of the found file that writes it, None for an input; its name; what is wrong with it.
    """
    if not any(node["op"] in OPS for node in source["nodes"]):
        return
    theirs = {at: (place, form) for at, place, form in _formats(found)}
    into = [{one.inputs[0]: one.outputs[0] for one in graph.operators if one.name == "QUANTIZE"} for graph in expected.subgraphs]
    for (number, index, slot), at in aligned.constants.items():
        subgraph = expected.subgraphs[number]
        rounded_to = into[number].get(subgraph.operators[index].inputs[slot])
        form = None if rounded_to is None else _format(subgraph.tensors[rounded_to])
        if form is not None:
            yield from _compared(aligned.operators.get((number, index)), found, at, theirs[at][1], form)
    for number, subgraph in enumerate(() if measured else expected.subgraphs):
        makers = {output: operator for operator in subgraph.operators for output in operator.outputs}
        for operator in subgraph.operators:
            quantized = makers.get(operator.inputs[0]) if operator.name == "DEQUANTIZE" else None
            if quantized is None or quantized.name != "QUANTIZE":
                continue
            wanted = _format(subgraph.tensors[operator.inputs[0]])
            there = aligned.tensors.get((number, operator.outputs[0]))
            if wanted is not None and there is not None:
                yield from _compared(theirs[there][0], found, there, theirs[there][1], wanted)


def _compared(
    place: Place | None, found: Graph, at: Slot, has: Format | None, wanted: Format
) -> Iterator[tuple[Place | None, str, str]]:
    name = found.subgraphs[at[0]].tensors[at[1]].name
    if has is None:
        yield place, name, "the network rounds these values (fake quantization), and the file does not"
    elif not same(has, wanted):
        yield place, name, f"{_words(has)}; the network's fake quantization asks for {_words(wanted)}"


def same(one: Format, other: Format) -> bool:
    """Whether codes mean the same: equal bits and zero points (but at ties of the other), scales within rounding."""
    return (
        one.bits == other.bits
        and one.scales.shape == other.scales.shape
        and bool(np.all(np.abs(one.scales - other.scales) <= _TOLERANCE * np.abs(other.scales)))
        and bool(np.all(np.abs(one.zero_points - other.zero_points) <= np.where(other.ties, 1, 0)))
    )


def _formats(graph: Graph) -> Iterator[tuple[Slot, Place | None, Format | None]]:
    """How each activation is stored: its own format, or that of the integers from which it was just made."""
    for number, subgraph in enumerate(graph.subgraphs):
        makers = {output: index for index, operator in enumerate(subgraph.operators) for output in operator.outputs}
        stored = {operator.inputs[0]: operator.outputs[0] for operator in subgraph.operators if operator.name == "QUANTIZE"}
        for index, tensor in enumerate(subgraph.tensors):
            maker = makers.get(index)
            place = None if maker is None else (number, maker)
            before = index
            if maker is not None and subgraph.operators[maker].name == "DEQUANTIZE":
                before = subgraph.operators[maker].inputs[0]
            elif tensor.scales is None:
                before = stored.get(index, index)
            yield (number, index), place, _format(subgraph.tensors[before])


def _format(tensor: Tensor) -> Format | None:
    if tensor.scales is None or tensor.zero_points is None or tensor.dtype not in _BITS:
        return None
    least = 0 if tensor.dtype.startswith("u") else -(2 ** (_BITS[tensor.dtype] - 1))
    return Format(_BITS[tensor.dtype], tensor.scales.astype(np.float64), tensor.zero_points.astype(np.int64) - least)


def _words(form: Format) -> str:
    return f"scale {form.scales[0]:.9g}, zero point {form.zero_points[0]} of {form.bits} bits"
