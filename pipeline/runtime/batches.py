"""Cutting samples into batches of the size a signature wants."""

from collections.abc import Iterator, Mapping

import numpy as np


def batches(
    samples: Mapping[str, np.ndarray], *, batch: int | None, count: int | None = None, first: int = 0, every: int = 1
) -> Iterator[tuple[slice, dict[str, np.ndarray]]]:
    """The samples in order, a batch at a time; only the batch at hand is in memory when the arrays are memory-mapped.

    Args:
        samples: inputs [n, ...] by name.
        batch: rows of a batch; None, where it is free, means one.
        count: only the first so many samples.
        first: number of the batch to begin with.
        every: take each so-many-th batch, so that workers can share them.

    Yields:
        Which samples these are, and inputs [batch, ...] by name. A last batch that is not full is filled up with its last
        sample, so use only as many rows of the result as the slice is long.
    """
    total, step = count or len(next(iter(samples.values()))), batch or 1
    for start in range(first * step, total, step * every):
        rows = np.minimum(np.arange(start, start + step), total - 1)
        yield slice(start, min(start + step, total)), {name: np.asarray(array[rows]) for name, array in samples.items()}
