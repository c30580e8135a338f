"""Which tensor of the network each tensor of a float file may be: those with the same values on the same samples.

Names play no part. That two tensors agree on samples proves nothing by itself: it only says where the two graphs can be cut, so
that what lies between the cuts can be compared by itself (`conversion_proof`). The idea is that of checking the equivalence of
circuits by their inner equivalences (Kuehlmann and Krohm, Equivalence Checking Using Cuts and Heaps, DAC 1997).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import numpy as np

# A tensor's shape and its entries at `positions`.
Sampled = tuple[tuple[int, ...], np.ndarray]
# Of each tensor so many entries are compared; a tensor up to that size whole.
ENTRIES = 512
# Rounding grows from operator to operator; another tensor of the network is farther away than this share of the values' size.
_NEAR = 1e-3


class Network(Protocol):
    """The original network in parts, as `source.network_run.NetworkRun`."""

    @property
    def inputs(self) -> Mapping[str, str]: ...
    @property
    def outputs(self) -> Mapping[str, str]: ...
    @property
    def reads(self) -> Mapping[str, tuple[str, ...]]: ...
    @property
    def sample(self) -> Callable[[Mapping[str, np.ndarray]], dict[str, Sampled]]: ...
    @property
    def run(self) -> Callable[[Sequence[str], Mapping[str, np.ndarray]], list[np.ndarray]]: ...


def positions(count: int) -> np.ndarray:
    """Which entries of a tensor of `count` entries are compared, int64, the same for every tensor of that size."""
    if count <= ENTRIES:
        return np.arange(count)
    return np.sort(np.random.default_rng(count).choice(count, ENTRIES, replace=False))


def sampled(values: np.ndarray) -> Sampled:
    """A tensor's shape and its entries at `positions`, a copy."""
    return values.shape, values.ravel()[positions(values.size)]


def candidates(file: Mapping[int, Sequence[Sampled]], network: Mapping[str, Sequence[Sampled]]) -> dict[int, list[str]]:
    """The network's tensors that agree with each of the file's on every sample, however they are shaped.

    Args:
        file: what was sampled of each tensor, a row for each sample.
        network: the same by reference.
    """
    by_size: dict[int, list[str]] = {}
    for reference, rows in network.items():
        by_size.setdefault(_size(rows), []).append(reference)
    return {
        number: [reference for reference in by_size.get(_size(rows), ()) if _agree(rows, network[reference])]
        for number, rows in file.items()
    }


def _size(rows: Sequence[Sampled]) -> int:
    return int(np.prod(rows[0][0], dtype=np.int64))


def _agree(rows: Sequence[Sampled], others: Sequence[Sampled]) -> bool:
    return all(_near(a, b) for (_, a), (_, b) in zip(rows, others, strict=True))


def _near(a: np.ndarray, b: np.ndarray) -> bool:
    if a.dtype.kind != b.dtype.kind and {a.dtype.kind, b.dtype.kind} != {"i", "u"}:
        return False
    if a.dtype.kind != "f":
        return np.array_equal(a, b)
    # What no operator has filled may hold a NaN that signals.
    with np.errstate(invalid="ignore"):
        one, other = a.astype(np.float64), b.astype(np.float64)
    finite = np.isfinite(other)
    if not np.array_equal(finite, np.isfinite(one)):
        return False
    size = float(np.sqrt(np.mean(np.square(other[finite])))) if finite.any() else 0.0
    return bool(np.all(np.abs(one[finite] - other[finite]) <= _NEAR * (size + np.abs(other[finite]))))
