"""Do the formats of activations hold what flows through the network? For files of which no measured ranges are known.

The float32 file is run on real samples, and each of its tensors put into the quantized file's format and back. A file was
calibrated on other samples, so some of the values lie outside its range, and its steps are wider than these samples ask for. What
is allowed is measured: of nine networks calibrated on no more than eight samples of noise, and judged on eight others, the worst
tensor lost a twentieth of its power by clipping, whatever its bits; a range cut to its quarter loses a seventh of normal values.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from pipeline.tflite.flatbuffer import Graph, Tensor
from pipeline.tflite.operators import SHARES
from pipeline.verification import activation_scales, stored_layout, tolerances
from pipeline.verification.stored_values import FIXED
from pipeline.verification.tensor_origin import Slot

# By clipping, at most a tenth of the power may be lost.
_CLIPPED_DB = 10.0
# The steps may be 16 times those that these samples ask for.
_COARSE_DB = 24.0


@dataclass(frozen=True, kw_only=True)
class Judged:
    """`tensors`: how many were judged; `faults`: name of the tensor in the file and reason, the worst first."""

    tensors: int
    faults: list[tuple[str, str]]


@dataclass(kw_only=True)
class _Sums:
    """Of one tensor over all samples: values, squares, squared errors by clipping and rounding, values outside, least, greatest."""

    count: int = 0
    signal: float = 0.0
    cut: float = 0.0
    noise: float = 0.0
    outside: int = 0
    low: float = 0.0
    high: float = 0.0


def judge(
    expected: Graph,
    found: Graph,
    tensors: Mapping[Slot, Slot],
    traces: Iterable[Mapping[int, np.ndarray]],
) -> Judged:
    """Formats of activations beside what the float32 file holds there.

    Args:
        expected: the float32 file.
        found: the file in question.
        tensors: (subgraph, tensor) of the found file by that of the float32 file (`graph_alignment.align`).
        traces: tensors of the float32 file by number in its main subgraph, for each sample (`interpreter.trace`).
    """
    names = activation_scales.names(expected, found, tensors)
    given = _given(found)
    numbers = {tensor.name: number for number, tensor in enumerate(expected.tensors)}
    pairs = {
        index: numbers[name]
        for (number, index), name in sorted(names.items())
        if number == found.main and name in numbers and index not in given and _is_activation(found.tensors[index])
    }
    sums = {index: _Sums() for index in pairs}
    cut = _cut(found)
    # One sample's tensors at a time: together they may be larger than memory.
    for trace in traces:
        for index, number in pairs.items():
            values = trace.get(number)
            if values is not None and values.dtype.kind == "f":
                _add(sums[index], _visible(values, found.tensors[index], cut.get(index)), found.tensors[index])
    rows = []
    judged = 0
    for index, row in sums.items():
        if row.signal > 0:
            tensor = found.tensors[index]
            judged += 1
            rows += [(distance, tensor.name, words) for distance, words in _faults(row, tensor)]
    rows.sort()
    return Judged(tensors=judged, faults=[(name, reason) for _, name, reason in rows])


def quantized(graph: Graph) -> bool:
    """Whether any activation of a file is quantized."""
    return any(_is_activation(tensor) for subgraph in graph.subgraphs for tensor in subgraph.tensors)


def _given(found: Graph) -> set[int]:
    """Tensors of the main subgraph whose format LiteRT fixes, such as probabilities, and those that have it from them."""
    given: set[int] = set()
    for operator in found.operators:  # behind what they read
        if operator.name in FIXED or (operator.name in SHARES and operator.inputs[0] in given):
            given.update(operator.outputs)
    return given


def _cut(found: Graph) -> dict[int, str]:
    """Tensors of which only MAXIMUM, or only MINIMUM, reads, by its name, where that keeps their format.

    What lies beyond one end of the format, the operator does not give: it is no loss, and its output is judged by itself.
    """
    readers: dict[int, set[str]] = {number: {"the caller"} for number in found.subgraphs[found.main].outputs}
    for operator in found.operators:
        for number in operator.inputs:
            same = all(_same(found.tensors[number], found.tensors[output]) for output in operator.outputs)
            readers.setdefault(number, set()).add(operator.name if same else "another format")
    return {number: name for number, names in readers.items() for name in ("MAXIMUM", "MINIMUM") if names == {name}}


def _same(one: Tensor, other: Tensor) -> bool:
    if one.scales is None or other.scales is None or one.zero_points is None or other.zero_points is None:
        return False
    same = np.array_equal(one.scales, other.scales) and np.array_equal(one.zero_points, other.zero_points)
    return same and one.dtype == other.dtype


def _visible(values: np.ndarray, tensor: Tensor, reader: str | None) -> np.ndarray:
    """Values without what lies beyond the end of the format where their only reader does not look."""
    if reader is None or tensor.scales is None or tensor.zero_points is None:
        return values
    low, high = ((limit - int(tensor.zero_points[0])) * float(tensor.scales[0]) for limit in stored_layout.limits(tensor.dtype))
    return np.maximum(values, low) if reader == "MAXIMUM" else np.minimum(values, high)


def _is_activation(tensor: Tensor) -> bool:
    return (
        tensor.data is None
        and tensor.scales is not None
        and tensor.zero_points is not None
        and tensor.dtype in ("int8", "uint8", "int16")
        and bool(np.isfinite(tensor.scales[0]) and tensor.scales[0] > 0)
    )


def _add(sums: _Sums, values: np.ndarray, tensor: Tensor) -> None:
    if tensor.scales is None or tensor.zero_points is None:
        raise ValueError(f"{tensor.name} is not quantized")
    exact, scale, zero = values.astype(np.float64), float(tensor.scales[0]), int(tensor.zero_points[0])
    low, high = ((limit - zero) * scale for limit in stored_layout.limits(tensor.dtype))
    held = np.clip(exact, low, high)
    # What lies less than half a step beyond an end is rounded to it, as to any other code.
    outside = (exact < low - scale / 2) | (exact > high + scale / 2)
    error = np.where(outside, np.rint(held / scale) * scale - held, np.clip(np.rint(exact / scale) * scale, low, high) - exact)
    sums.count += exact.size
    sums.signal += float(np.sum(exact * exact))
    sums.cut += float(np.sum(np.square(exact - held), where=outside))
    sums.noise += float(np.sum(error * error))
    sums.outside += int(np.sum(outside))
    sums.low = min(sums.low, float(exact.min(initial=0)))
    sums.high = max(sums.high, float(exact.max(initial=0)))


def _faults(sums: _Sums, tensor: Tensor) -> Iterator[tuple[float, str]]:
    """How far below its limit a tensor lies in decibels, and why."""
    where = f"its values lie in {sums.low:.6g} to {sums.high:.6g}"
    clipped = _decibels(sums.signal, sums.cut)
    if clipped < _CLIPPED_DB:
        share = sums.outside / sums.count
        yield (
            clipped - _CLIPPED_DB,
            f"{share:.1%} of the values are clipped ({clipped:.1f} dB, at least {_CLIPPED_DB:.0f}); {where}",
        )
    step, _ = activation_scales.parameters(sums.low, sums.high, tensor.dtype)
    expected = tolerances.expected_sqnr(weights="float32", activations=tensor.dtype, layers=1)
    # 16 bits that still hold what 8 bits would are fine enough.
    enough = tolerances.expected_sqnr(weights="float32", activations="int8", layers=1)
    limit = min(min(_decibels(sums.signal, sums.count * step * step / 12), expected) - _COARSE_DB, enough)
    rounded = _decibels(sums.signal, sums.noise)
    if rounded < limit and tensor.scales is not None:
        scale = float(tensor.scales[0])
        yield rounded - limit, f"scale {scale:.6g} is too coarse ({rounded:.1f} dB, at least {limit:.1f}); {where}"


def _decibels(signal: float, noise: float) -> float:
    return float(10 * np.log10(signal / noise)) if noise > 0 else float("inf")
