"""Folders of files sorted by class: which files there are, and what their folders say of them."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from pipeline.dataset.samples import Dataset
from pipeline.errors import UserError

# What file managers leave behind; hidden files are passed over too.
_LITTER = {"thumbs.db", "desktop.ini"}


def dataset(
    path: Path, read: Callable[[Path], np.ndarray], *, input: str, suffixes: Sequence[str], labelled: bool, splits: bool
) -> Dataset:
    """The files below a folder, in the order of their names.

    Args:
        path: holds CLASS/FILE; with `splits` SPLIT/CLASS/FILE; without `labelled` files at any depth.
        read: a file to its sample.
        input: the network's input that takes it.
        suffixes: of the files, in small letters with the dot.
        labelled: whether folders are classes.
        splits: whether the first level of folders is the declared split.

    Raises:
        UserError: when there is no file, a class folder is empty, or a file has another suffix.
    """
    if not path.is_dir():
        raise UserError(f"data.path: {path} is no folder; this reader takes a folder of {', '.join(suffixes)} files")
    found: list[tuple[Path, str | None, str | None]] = []
    for root in _folders(path) if splits else [path]:
        split = root.name if splits else None
        if labelled:
            for folder in _folders(root):
                inside = _files(folder, suffixes)
                if not inside:
                    raise UserError(f"data.path: class folder {folder} holds no {', '.join(suffixes)} file; add some or remove it")
                found += [(file, folder.name, split) for file in inside]
        else:
            found += [(file, None, split) for file in _files(root, suffixes)]
    if not found:
        wanted = f"{'SPLIT/' if splits else ''}{'CLASS/' if labelled else ''}FILE"
        raise UserError(f"data.path: {path} holds no {', '.join(suffixes)} files as {wanted}; see data.reader.options")
    classes = sorted({label for _, label, _ in found if label is not None}) if labelled else None
    files = [file for file, _, _ in found]
    return Dataset(
        ids=[file.relative_to(path).as_posix() for file in files],
        labels=None if classes is None else np.array([classes.index(str(label)) for _, label, _ in found], np.int64),
        classes=classes,
        split=np.array([split for _, _, split in found]) if splits else None,
        read=lambda number: {input: read(files[number])},
    )


def _folders(path: Path) -> list[Path]:
    return sorted(entry for entry in path.iterdir() if entry.is_dir() and not entry.name.startswith("."))


def _files(path: Path, suffixes: Sequence[str]) -> list[Path]:
    found = sorted(
        entry
        for entry in path.rglob("*")
        if entry.is_file()
        and entry.name.lower() not in _LITTER
        and not any(part.startswith(".") for part in entry.relative_to(path).parts)
    )
    if other := [file for file in found if file.suffix.lower() not in suffixes]:
        raise UserError(f"data.path: {other[0]} is no {', '.join(suffixes)} file; move it out of the folder")
    return found
