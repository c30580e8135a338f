"""Networks trained with fake quantization: the ranges that their graph states, and the scales of a file that must follow from them.

A converter turns each such operation into a QUANTIZE and a DEQUANTIZE, which it then moves into the operators around them.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from pipeline.tflite.flatbuffer import Graph, Tensor
from pipeline.verification.graph_alignment import Place
from pipeline.verification.rounded_arithmetic import UNIT, Constant

OPS = frozenset(("FakeQuantWithMinMaxVars", "FakeQuantWithMinMaxVarsPerChannel", "FakeQuantWithMinMaxArgs"))

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
    wanted: dict[str, Format] = {}
    constant: dict[str, Format] = {}
    for node in nodes:
        form = _asked(node, known)
        if form is not None:
            (constant if node["inputs"][0] in known else wanted)[node["name"]] = form
    held = set()
    for number, subgraph in enumerate(graph.subgraphs):
        for index, operator in enumerate(subgraph.operators):
            form = format_of(subgraph.tensors[operator.outputs[0]]) if operator.name == "QUANTIZE" else None
            if form is None:
                continue
            # Constants may be rounded already, so that nothing in the file need do it.
            asked = wanted if subgraph.tensors[operator.inputs[0]].data is None else constant
            fitting = {name for name, other in asked.items() if same(form, other)}
            held |= fitting
            if not fitting:
                yield (number, index), f"{words(form)}: no fake quantization of the network asks for it"
    for name, form in wanted.items():
        if name not in held:
            yield None, f"the network rounds values to {words(form)} ({name}), and no operator does"


def _asked(node: Mapping[str, Any], known: Mapping[str, Constant]) -> Format | None:
    """The format that a node states; None for another node, and for one whose range is computed from the input."""
    if node["op"] not in OPS:
        return None
    if len(node["inputs"]) == 1:
        return of_operation(node, *(np.asarray(node["attributes"][key], np.float32) for key in ("min", "max")))
    low, high = (known.get(reference) for reference in node["inputs"][1:3])
    return None if low is None or high is None else of_operation(node, low.value, high.value)


def same(one: Format, other: Format) -> bool:
    """Whether codes mean the same: equal bits and zero points (but at ties of the other), scales within rounding."""
    return (
        one.bits == other.bits
        and one.scales.shape == other.scales.shape
        and bool(np.all(np.abs(one.scales - other.scales) <= _TOLERANCE * np.abs(other.scales)))
        and bool(np.all(np.abs(one.zero_points - other.zero_points) <= np.where(other.ties, 1, 0)))
    )


def format_of(tensor: Tensor) -> Format | None:
    """What the codes of a tensor mean; None where it is not quantized."""
    if tensor.scales is None or tensor.zero_points is None or tensor.dtype not in _BITS:
        return None
    least = 0 if tensor.dtype.startswith("u") else -(2 ** (_BITS[tensor.dtype] - 1))
    return Format(_BITS[tensor.dtype], tensor.scales.astype(np.float64), tensor.zero_points.astype(np.int64) - least)


def words(form: Format) -> str:
    """Scale and zero point of the first channel, for a message."""
    return f"scale {form.scales[0]:.9g}, zero point {form.zero_points[0]} of {form.bits} bits"
