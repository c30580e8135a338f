"""Histograms of tensors, streamed: a fixed number of equal bins between ends that are known beforehand."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, kw_only=True)
class Histogram:
    """`counts` int64 [bins] of values between `low` and `high`, which the first and the last bin touch."""

    low: float
    high: float
    counts: np.ndarray

    @property
    def width(self) -> float:
        """Of one bin, in the tensor's units; 0 when the tensor is constant."""
        return (self.high - self.low) / len(self.counts)

    @property
    def centres(self) -> np.ndarray:
        """The middle of each bin, float64 [bins]."""
        return self.low + (np.arange(len(self.counts)) + 0.5) * self.width


def count(values: np.ndarray, *, low: float, high: float, bins: int) -> np.ndarray:
    """How many values fall into each bin, int64 [bins]; values outside count for the nearest end.

    Args:
        values: any shape, finite.
        low, high: ends; equal when the tensor is constant, which puts everything into the first bin.
        bins: at least one.
    """
    if high <= low:
        counts = np.zeros(bins, np.int64)
        counts[0] = values.size
        return counts
    places = (np.asarray(values, np.float64).ravel() - low) * (bins / (high - low))
    return np.bincount(np.clip(places.astype(np.int64), 0, bins - 1), minlength=bins)


def collect(
    stream: Iterable[Mapping[str, np.ndarray]], ends: Mapping[str, tuple[float, float]], *, samples: int, bins: int
) -> dict[str, tuple[Histogram, Histogram]]:
    """The histograms of every tensor over the first and the second half of the samples, whose sum is that of all.

    Memory: 2 * bins * 8 bytes for each tensor, whatever the number of samples.

    Args:
        stream: values by tensor, a mapping for each sample.
        ends: least and greatest value of each tensor; others are not counted.
        samples: how many the stream yields.
        bins: of each histogram.
    """
    counts = {name: np.zeros((2, bins), np.int64) for name in ends}
    for number, values in enumerate(stream):
        half = int(number >= samples // 2)
        for name, (low, high) in ends.items():
            counts[name][half] += count(values[name], low=low, high=high, bins=bins)
    return {
        name: (Histogram(low=low, high=high, counts=counts[name][0]), Histogram(low=low, high=high, counts=counts[name][1]))
        for name, (low, high) in ends.items()
    }


def total(halves: tuple[Histogram, Histogram]) -> Histogram:
    """Both halves in one; they have the same ends and bins."""
    first, second = halves
    return Histogram(low=first.low, high=first.high, counts=first.counts + second.counts)
