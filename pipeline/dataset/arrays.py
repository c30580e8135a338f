"""Readers of NumPy's files. Arrays are memory-mapped: only the samples in use are in memory."""

import zipfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import numpy as np

from pipeline.dataset import npz_archive
from pipeline.dataset.samples import Dataset, bookkeeping
from pipeline.errors import UserError
from pipeline.system import boundary


def npz(
    path: Path, *, inputs: Mapping[str, str], labels: str | Mapping[str, str] | None = None, split: str | None = None
) -> Dataset:
    """Arrays of an .npz file, the first dimension counting samples.

    Each array that is used is unpacked into a temporary file once (where `TMPDIR` says), and read from there.

    Args:
        path: the file.
        inputs: the network's input to the name of its array.
        labels: name of an array [n] of class indices, or [n, ...] of what the task wants; or several by name.
        split: name of a string array [n], the declared split of each sample.

    Raises:
        UserError: when the file cannot be read, an array is missing, or their lengths differ.
    """
    with boundary.reading(path, kind=".npz"), zipfile.ZipFile(path) as archive:
        return _dataset(path, lambda name: npz_archive.array(archive, name), inputs, labels, split)


def npy(
    path: Path, *, inputs: Mapping[str, str], labels: str | Mapping[str, str] | None = None, split: str | None = None
) -> Dataset:
    """Arrays in .npy files of one folder, the first dimension counting samples.

    Args:
        path: the folder.
        inputs: the network's input to the name of its file, without the ending.
        labels: name of an array [n] of class indices, or [n, ...] of what the task wants; or several by name.
        split: name of a string array [n], the declared split of each sample.

    Raises:
        UserError: when a file is missing or cannot be read, or lengths differ.
    """
    if not path.is_dir():
        raise UserError(f"data.path: {path} is no folder; the reader npy takes a folder of .npy files")

    def array(name: str) -> np.ndarray:
        file = path / f"{name}.npy"
        if not file.exists():
            have = ", ".join(sorted(entry.stem for entry in path.glob("*.npy"))) or "none"
            raise UserError(f"{path}: has no {name}.npy; has: {have}")
        with boundary.reading(file, kind=".npy"):
            return np.asarray(np.load(file, mmap_mode="r", allow_pickle=False))

    return _dataset(path, array, inputs, labels, split)


def _dataset(
    path: Path,
    array: Callable[[str], np.ndarray],
    inputs: Mapping[str, str],
    labels: str | Mapping[str, str] | None,
    split: str | None,
) -> Dataset:
    columns = {name: array(key) for name, key in inputs.items()}
    targets = {name: array(name if key is None else key) for name, key in _label_names(labels)}
    declared = array(split) if split else None
    _same_length(path, [*columns.items(), *targets.items(), *([] if declared is None else [(str(split), declared)])])
    if declared is not None and (declared.ndim != 1 or declared.dtype.kind != "U"):
        given = f"{declared.dtype} {list(declared.shape)}"
        raise UserError(f"{path}: {split}: expected the name of a split for each sample, as text, got {given}")
    bookkeeping(path, len(next(iter(columns.values()))))
    for name, target in targets.items():
        if target.dtype.kind not in "biuf":
            raise UserError(f"{path}: {name}: expected numbers, got {target.dtype} {list(target.shape)}; give class indices")
        if target.ndim == 1 and target.dtype.kind == "f" and not np.isfinite(target).all():
            raise UserError(f"{path}: {name} holds NaN or infinity; remove those samples or fix the data")
        targets[name] = target.astype(np.int64) if target.ndim == 1 and np.issubdtype(target.dtype, np.integer) else target
    return Dataset(
        ids=[f"{path.stem}[{i}]" for i in range(len(next(iter(columns.values()))))],
        labels=next(iter(targets.values())) if isinstance(labels, str) else targets or None,
        split=None if declared is None else np.array([str(name) for name in declared]),
        read=lambda i: {name: np.array(column[i]) for name, column in columns.items()},
    )


def _label_names(labels: str | Mapping[str, str] | None) -> Iterable[tuple[str, str | None]]:
    if labels is None:
        return []
    return [(labels, None)] if isinstance(labels, str) else labels.items()


def _same_length(path: Path, arrays: Iterable[tuple[str, np.ndarray]]) -> None:
    lengths = {name: (len(array) if array.ndim else None) for name, array in arrays}
    if None in lengths.values():
        raise UserError(
            f"{path}: {next(name for name, n in lengths.items() if n is None)} is a single value, not one for each sample"
        )
    if len(set(lengths.values())) != 1:
        raise UserError(f"{path}: arrays differ in length: {', '.join(f'{name} {n}' for name, n in lengths.items())}")
    if 0 in lengths.values():
        raise UserError(f"{path}: holds no samples")
