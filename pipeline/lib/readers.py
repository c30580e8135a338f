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
        labels: class indices int64 [n], or None when there are none.
        split: the declared split of each sample, str [n], or None when the data declares none.
        read: sample number to the network's inputs by name, without a batch dimension.
    """

    ids: list[str]
    labels: np.ndarray | None
    split: np.ndarray | None
    read: Callable[[int], dict[str, np.ndarray]]


def npz(path: Path, *, inputs: Mapping[str, str], labels: str | None = None, split: str | None = None) -> Dataset:
    """Arrays of an .npz file, the first dimension counting samples.

    Args:
        path: the file.
        inputs: the network's input to the name of its array.
        labels: name of an integer array [n].
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
    target = array(labels) if labels else None
    declared = array(split) if split else None
    lengths = {
        name: len(column) for name, column in {**columns, labels or "": target, split or "": declared}.items() if column is not None
    }
    if len(set(lengths.values())) != 1:
        raise UserError(f"{path}: arrays differ in length: {', '.join(f'{name} {n}' for name, n in lengths.items())}")
    if target is not None and not (target.ndim == 1 and np.issubdtype(target.dtype, np.integer)):
        raise UserError(f"{path}: {labels}: expected integers [n], got {target.dtype} {list(target.shape)}")
    return Dataset(
        ids=[f"{path.stem}[{i}]" for i in range(next(iter(lengths.values())))],
        labels=None if target is None else target.astype(np.int64),
        split=declared,
        read=lambda i: {name: column[i] for name, column in columns.items()},
    )


READERS: dict[str, Callable[..., Dataset]] = {"npz": npz}
