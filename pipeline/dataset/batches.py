"""Cutting samples into batches of the size a signature wants, and running several of them side by side."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import numpy as np

_In = TypeVar("_In")
_Out = TypeVar("_Out")


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


def side_by_side(function: Callable[[_In], _Out], items: Iterable[_In], *, workers: int) -> Iterator[_Out]:
    """The function's results in the order of the items, computed by so many threads.

    No more than two items a thread are taken ahead of the result that is asked for, so memory does not grow with their number.
    """
    waiting: deque[Future[_Out]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) > 2 * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
