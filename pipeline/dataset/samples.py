"""What a reader returns: samples that are read one at a time, so that a dataset may be larger than memory."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.system import boundary

# A sample's name, hash, label and places in lists, of stage `sample` as a whole.
_BOOKKEEPING = 500


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """Samples that are read one at a time.

    Attributes:
        ids: a name for each of the n samples, unique.
        labels: class indices int64 [n], targets float64 [n], anything else the task knows [n, ...], or several of them by name;
            None when there are none.
        classes: the names that class indices stand for, when the data tells.
        split: the declared split of each sample, str [n], or None when the data declares none.
        read: sample number to the network's inputs by name, without a batch dimension.
    """

    ids: list[str]
    labels: np.ndarray | dict[str, np.ndarray] | None
    classes: list[str] | None = None
    split: np.ndarray | None
    read: Callable[[int], dict[str, np.ndarray]]


def bookkeeping(path: Path, count: int = 0) -> None:
    """Refuse more samples than can be kept account of: a small file may hold very many, all of them zeros.

    Args:
        path: of the data.
        count: number of samples.

    Raises:
        UserError: when names, hashes and labels of them take more memory than the limit.
    """
    boundary.within(path, count * _BOOKKEEPING, what=f"{count:,} samples, whose names, hashes and labels take")
