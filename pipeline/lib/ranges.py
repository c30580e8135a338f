"""From the extremes of each sample to the range of each tensor: one function and one row in `METHODS` each."""

from collections.abc import Callable, Mapping

import numpy as np

Extremes = tuple[np.ndarray, np.ndarray]


def min_max(lows: np.ndarray, highs: np.ndarray) -> tuple[float, float]:
    """The widest range: least and greatest value of all samples. Independent of their order."""
    return float(lows.min()), float(highs.max())


def moving_average(lows: np.ndarray, highs: np.ndarray) -> tuple[float, float]:
    """Exponential moving average with smoothing 0.95 over the samples in their order, as ai-edge-quantizer does by default."""
    low, high = float(lows[0]), float(highs[0])
    for next_low, next_high in zip(lows[1:], highs[1:], strict=True):
        low, high = 0.95 * low + 0.05 * float(next_low), 0.95 * high + 0.05 * float(next_high)
    return low, high


METHODS: dict[str, Callable[[np.ndarray, np.ndarray], tuple[float, float]]] = {"min_max": min_max, "moving_average": moving_average}


def estimate(extremes: Mapping[str, Extremes], *, method: str) -> dict[str, tuple[float, float]]:
    """The range (low, high) of each tensor.

    Args:
        extremes: least and greatest value of each tensor in each sample, float64 [n] and [n].
        method: key of `METHODS`.
    """
    return {name: METHODS[method](lows, highs) for name, (lows, highs) in extremes.items()}


def stability(extremes: Mapping[str, Extremes], *, method: str) -> dict[str, float]:
    """How far the ranges of the two halves of the samples differ, for each tensor: 0 (the same) to 1.

    The larger of the differences at the two ends, as a share of the range that covers both. One sample has no halves: 1.
    """

    def differs(lows: np.ndarray, highs: np.ndarray) -> float:
        half = len(lows) // 2
        if half == 0:
            return 1.0
        (low_a, high_a), (low_b, high_b) = METHODS[method](lows[:half], highs[:half]), METHODS[method](lows[half:], highs[half:])
        width = max(high_a, high_b) - min(low_a, low_b)
        return max(abs(low_a - low_b), abs(high_a - high_b)) / width if width > 0 else 0.0

    return {name: differs(lows, highs) for name, (lows, highs) in extremes.items()}
