"""From what was seen of a tensor to its range: one function and one row in `METHODS` each.

Methods look at the extremes of each sample, or at a histogram of all values. A range (low, high) is what the codes of an
8-bit tensor (256, with a zero point) or of a 16-bit tensor (65,535, symmetric) are spread over.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from pipeline.quantization import histograms
from pipeline.quantization.histograms import Histogram

Extremes = tuple[np.ndarray, np.ndarray]
Range = tuple[float, float]
BITS = (8, 16)
# Shrinking factors that the squared error is computed for at either end, and how often the ends take turns.
_STEPS, _ROUNDS = 200, 2
_TRACE = 1e-4
_LARGEST = float(np.finfo(np.float32).max)


class Method(NamedTuple):
    """A way to choose ranges.

    Attributes:
        compute: (extremes) or (histogram), and `bits` and `percentile`, to the range.
        reads_histogram: which of the two it gets.
    """

    compute: Callable[..., Range]
    reads_histogram: bool = False


def min_max(seen: Extremes, *, bits: int, percentile: float) -> Range:
    """The widest range: least and greatest value of all samples. Independent of their order."""
    lows, highs = seen
    return float(lows.min()), float(highs.max())


def moving_average(seen: Extremes, *, bits: int, percentile: float) -> Range:
    """Exponential moving average with smoothing 0.95 over the samples in their order, as litert-quantizer does by default."""
    lows, highs = seen
    low, high = float(lows[0]), float(highs[0])
    for next_low, next_high in zip(lows[1:], highs[1:], strict=True):
        low, high = 0.95 * low + 0.05 * float(next_low), 0.95 * high + 0.05 * float(next_high)
    return low, high


def percentile(seen: Histogram, *, bits: int, percentile: float) -> Range:
    """The range that holds `percentile` percent of the values: a tail cut at either end, or at the only one when 0 is the other.

    Within a bin values are taken to be spread evenly, so the ends are right to a bin's width.
    """
    tail = 1 - percentile / 100
    if seen.low >= 0:
        return seen.low, _below(seen, 1 - tail)
    if seen.high <= 0:
        return _above(seen, 1 - tail), seen.high
    return _above(seen, 1 - tail / 2), _below(seen, 1 - tail / 2)


def mse(seen: Histogram, *, bits: int, percentile: float) -> Range:
    """The range whose codes are nearest to the values: least sum of counts * (value - its nearest code)^2.

    Either end is shrunk towards 0 in `_STEPS` steps while the other stays, `_ROUNDS` times; values are bins' centres. This is
    the search of ranges by mean squared error of Nagel et al. 2021 (A White Paper on Neural Network Quantization, 3.1).
    """
    low, high = seen.low, seen.high
    factors = np.arange(1, _STEPS + 1) / _STEPS
    for _ in range(_ROUNDS):
        if seen.high > 0:
            ends = seen.high * factors
            high = float(ends[_least(_errors(seen, np.full(_STEPS, low), ends, bits=bits))])
        if seen.low < 0:
            ends = seen.low * factors
            low = float(ends[_least(_errors(seen, ends, np.full(_STEPS, high), bits=bits))])
    return low, high


def entropy(seen: Histogram, *, bits: int, percentile: float) -> Range:
    """The range whose codes tell the most of the distribution of magnitudes: least Kullback-Leibler divergence.

    For each number i of bins that stay, P is the histogram of magnitudes with the rest added to the last bin, and Q the same
    bins merged into as many groups as there are codes, each spread evenly over those of its bins that hold something
    (Migacz 2017, 8-bit Inference with TensorRT). The bin of zero takes the count of its neighbour: zero is exact in any code.
    Where P has something and Q nothing, Q gets `_TRACE` of a value, as in Apache MXNet: one outlier must not forbid all cuts.
    Where there are no more bins than codes, as with 16 bits, every bin has a code of its own and nothing is cut.
    """
    top = max(-seen.low, seen.high)
    if seen.width == 0:
        return seen.low, seen.high
    bins = int(np.ceil(top / seen.width))
    places = np.minimum((np.abs(seen.centres) / seen.width).astype(np.int64), bins - 1)
    magnitudes = np.bincount(places, weights=seen.counts, minlength=bins)
    if bins > 1:
        magnitudes[0] = magnitudes[1]
    if not magnitudes.any():
        return seen.low, seen.high
    two_sided = seen.low < 0 < seen.high
    codes = 2 ** (bits - 1) if two_sided else 2**bits
    best, kept = np.inf, bins
    for i in range(bins, codes - 1, -1):  # from the widest: of equal ones the one that cuts least
        found = _divergence(magnitudes, i, codes)
        if found < best:
            best, kept = found, i
    limit = kept * seen.width
    return max(seen.low, -limit), min(seen.high, limit)


METHODS: dict[str, Method] = {
    "min_max": Method(min_max),
    "moving_average": Method(moving_average),
    "percentile": Method(percentile, reads_histogram=True),
    "mse": Method(mse, reads_histogram=True),
    "entropy": Method(entropy, reads_histogram=True),
}


def finite(extremes: Mapping[str, Extremes]) -> dict[str, Extremes]:
    """Those tensors that hold neither infinity nor NaN on any sample: the others have no range.

    Nor has what goes to float32's largest value: litert-quantizer's calibrator clips infinity to it, and TFLiteConverter writes the
    infinity of masks so.
    """
    return {name: ends for name, ends in extremes.items() if (np.abs(ends) < _LARGEST).all()}


def estimate(
    extremes: Mapping[str, Extremes],
    halves: Mapping[str, tuple[Histogram, Histogram]] | None,
    *,
    method: str,
    bits: int,
    percentile: float,
) -> dict[str, Range]:
    """The range of each tensor.

    Args:
        extremes: least and greatest value of each tensor in each sample, float64 [n] and [n].
        halves: of `histograms.collect`, for methods that read histograms.
        method: key of `METHODS`.
        bits: 8 or 16.
        percentile: of the method of that name.
    """
    options: dict[str, Any] = {"bits": bits, "percentile": percentile}
    if halves is None:
        return {name: METHODS[method].compute(seen, **options) for name, seen in extremes.items()}
    return {name: METHODS[method].compute(histograms.total(pair), **options) for name, pair in halves.items()}


def stability(
    extremes: Mapping[str, Extremes],
    halves: Mapping[str, tuple[Histogram, Histogram]] | None,
    *,
    method: str,
    percentile: float,
) -> dict[str, float]:
    """How far the 8-bit ranges of the two halves of the samples differ, for each tensor: 0 (the same) to 1.

    The larger of the differences at the two ends, as a share of the range that covers both. One sample has no halves: 1.
    Arguments as those of `estimate`.
    """
    compute = METHODS[method].compute
    options: dict[str, Any] = {"bits": 8, "percentile": percentile}
    found = {}
    for name, (lows, highs) in extremes.items():
        half = len(lows) // 2
        if half == 0:
            found[name] = 1.0
            continue
        parts = ((lows[:half], highs[:half]), (lows[half:], highs[half:])) if halves is None else halves[name]
        (low_a, high_a), (low_b, high_b) = (compute(part, **options) for part in parts)
        width = max(high_a, high_b) - min(low_a, low_b)
        found[name] = max(abs(low_a - low_b), abs(high_a - high_b)) / width if width > 0 else 0.0
    return found


def _below(seen: Histogram, share: float) -> float:
    """The least value that a share of the values does not exceed."""
    reached = np.cumsum(seen.counts)
    wanted = share * reached[-1]
    bin_ = int(np.searchsorted(reached, wanted))
    inside = (wanted - (reached[bin_] - seen.counts[bin_])) / max(int(seen.counts[bin_]), 1)
    return min(seen.low + (bin_ + float(inside)) * seen.width, seen.high)


def _above(seen: Histogram, share: float) -> float:
    """The greatest value that a share of the values is not below."""
    return -_below(Histogram(low=-seen.high, high=-seen.low, counts=seen.counts[::-1]), share)


def _errors(seen: Histogram, lows: np.ndarray, highs: np.ndarray, *, bits: int) -> np.ndarray:
    """Squared error of each candidate range, summed over all values: float64 [candidates]."""
    kept = seen.counts > 0
    values, counts = seen.centres[kept][None, :], seen.counts[kept]
    lows, highs = np.minimum(lows, 0)[:, None], np.maximum(highs, 0)[:, None]
    if bits == 8:
        scale = (highs - lows) / 255
        scale[scale == 0] = 1
        zero = np.round(-lows / scale)
        codes = np.clip(np.round(values / scale) + zero, 0, 255) - zero
    else:
        scale = np.maximum(-lows, highs) / 32767
        scale[scale == 0] = 1
        codes = np.clip(np.round(values / scale), -32767, 32767)
    return np.sum((codes * scale - values) ** 2 * counts, axis=1)


def _least(errors: np.ndarray) -> int:
    """The last of the least, which is the widest range."""
    return len(errors) - 1 - int(np.argmin(errors[::-1]))


def _divergence(magnitudes: np.ndarray, kept: int, codes: int) -> float:
    """KL(P || Q) in nats for the first `kept` bins."""
    inside = magnitudes[:kept]
    p = inside.copy()
    p[-1] += magnitudes[kept:].sum()
    seen = p > 0
    groups = np.arange(kept) * codes // kept
    sums = np.bincount(groups, weights=inside, minlength=codes)
    members = np.bincount(groups, weights=seen, minlength=codes)
    q = np.where(seen, sums[groups] / np.maximum(members[groups], 1), 0.0)
    q[seen & (q == 0)] = _TRACE
    p, q = p / p.sum(), q / q.sum()
    return float(np.sum(p[seen] * np.log(p[seen] / q[seen])))
