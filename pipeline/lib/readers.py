"""Readers of the user's data: one function and one row in `READERS` each.

A reader takes a path and keyword options (`data.reader.options`, checked against its signature) and returns a `Dataset`.
"""

import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.lib.errors import UserError


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """Samples that are read one at a time, so that a dataset may be larger than memory.

    Attributes:
        ids: a name for each of the n samples, unique.
        labels: class indices int64 [n]; or values or masks [n, ...]; or several of these by name; or None.
        split: the declared split of each sample, str [n], or None when the data declares none.
        read: sample number to the network's inputs by name, without a batch dimension.
    """

    ids: list[str]
    labels: np.ndarray | dict[str, np.ndarray] | None
    split: np.ndarray | None
    read: Callable[[int], dict[str, np.ndarray]]


def classes(dataset: Dataset) -> np.ndarray | None:
    """The class of each sample int64 [n], which sets are stratified by; None where the labels are no classes, or several."""
    labels = dataset.labels
    single = isinstance(labels, np.ndarray) and labels.ndim == 1 and np.issubdtype(labels.dtype, np.integer)
    return labels.astype(np.int64) if isinstance(labels, np.ndarray) and single else None


def take(dataset: Dataset, members: list[int]) -> np.ndarray | dict[str, np.ndarray] | None:
    """The labels of some samples, in that order."""
    labels = dataset.labels
    if isinstance(labels, dict):
        return {name: array[members] for name, array in labels.items()}
    return None if labels is None else labels[members]


def npz(
    path: Path, *, inputs: Mapping[str, str], labels: str | Mapping[str, str] | None = None, split: str | None = None
) -> Dataset:
    """Arrays of an .npz file, the first dimension counting samples.

    Args:
        path: the file.
        inputs: the network's input to the name of its array.
        labels: name of an array [n, ...]: integers [n] are classes. Several: the name of each in conf/task to that of its array.
        split: name of a string array [n], the declared split of each sample.

    Raises:
        UserError: when the file cannot be read, an array is missing, or their lengths differ.
    """
    try:
        archive = dict(np.load(path, allow_pickle=False))
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise UserError(f"{path}: not readable as .npz ({error})") from None

    def array(name: str) -> np.ndarray:
        if name not in archive:
            raise UserError(f"{path}: has no array {name!r}; has: {', '.join(sorted(archive))}")
        return archive[name]

    columns = {name: array(key) for name, key in inputs.items()}
    targets = {name: array(key) for name, key in ({"labels": labels} if isinstance(labels, str) else labels or {}).items()}
    declared = array(split) if split else None
    present = {**columns, **targets, **({} if declared is None else {split or "": declared})}
    lengths = {name: len(column) for name, column in present.items()}
    if len(set(lengths.values())) != 1:
        raise UserError(f"{path}: arrays differ in length: {', '.join(f'{name} {n}' for name, n in lengths.items())}")
    return Dataset(
        ids=[f"{path.stem}[{i}]" for i in range(next(iter(lengths.values())))],
        labels=None if not targets else targets["labels"] if isinstance(labels, str) else targets,
        split=declared,
        read=lambda i: {name: column[i] for name, column in columns.items()},
    )


READERS: dict[str, Callable[..., Dataset]] = {"npz": npz}
