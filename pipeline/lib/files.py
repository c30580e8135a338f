"""The file formats of the pipeline. Everything is written under a temporary name first, so that nothing is ever half-written."""

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import numpy as np

from pipeline.lib.errors import UserError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path beside `path`, moved onto it when the block ends well and removed when it does not.

    Works for files and for folders; an existing target is replaced as a whole.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        if path.is_dir():
            shutil.rmtree(path)
        temporary.replace(path)
    finally:
        if temporary.is_dir():
            shutil.rmtree(temporary)
        temporary.unlink(missing_ok=True)


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file as a whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def write_text(path: Path, content: str) -> None:
    """Write UTF-8 text with Unix line ends as a whole or not at all."""
    write_bytes(path, content.encode())


def write_json(path: Path, content: Any) -> None:
    """Write JSON with sorted keys: the same content gives the same bytes. NaN and infinity are refused (ValueError)."""
    write_text(path, json.dumps(content, indent=2, sort_keys=True, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """Read JSON.

    Raises:
        UserError: when the file is missing or no JSON.
    """
    try:
        return json.loads(read_bytes(path))
    except ValueError as error:
        raise UserError(f"{path}: not readable as JSON ({error}); run `dvc repro` to make it again") from None


def read_bytes(path: Path) -> bytes:
    """Read a file.

    Raises:
        UserError: when the file is missing.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; run `dvc repro`, which makes it") from None


def array_path(folder: Path, name: str) -> Path:
    """The file of the array `name` (any text, as tensor names hold slashes and colons)."""
    return folder / f"{quote(name, safe=' ')}.npy"


def array_name(path: Path) -> str:
    """The name of the array that `array_path` gave this file."""
    return unquote(path.name.removesuffix(".npy"))


def write_arrays(folder: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write one .npy for each array into a folder that does not exist yet (see `replacing`)."""
    folder.mkdir()
    for name, array in arrays.items():
        np.save(array_path(folder, name), array, allow_pickle=False)


def write_rows(folder: Path, rows: Iterable[Mapping[str, np.ndarray]], *, count: int) -> None:
    """Write arrays row by row, memory-mapped: `NAME.npy` [count, ...] for each name.

    Args:
        folder: does not exist yet (see `replacing`).
        rows: `count` of them, each with the same names, shapes and dtypes.

    Raises:
        UserError: when rows differ in shape.
    """
    folder.mkdir()
    maps: dict[str, np.memmap] = {}
    for number, row in enumerate(rows):
        for name, array in row.items():
            if name not in maps:
                path = array_path(folder, name)
                maps[name] = np.lib.format.open_memmap(path, mode="w+", dtype=array.dtype, shape=(count, *array.shape))
            if maps[name].shape[1:] != array.shape:
                raise UserError(
                    f"{name}: sample {number} has shape {list(array.shape)}, the first has {list(maps[name].shape[1:])}; "
                    "bring them to one shape in data.preprocess"
                )
            maps[name][number] = array
    for written in maps.values():
        written.flush()


def write_samples(folder: Path, samples: Iterable[Mapping[str, np.ndarray]], *, count: int, labels: np.ndarray | None) -> None:
    """Write samples as they come: `inputs/NAME.npy` [count, ...] for each input, memory-mapped, and `labels.npy` beside it.

    Args:
        folder: does not exist yet (see `replacing`).
        samples: inputs by name without a batch dimension, all of the same shapes.
        count: how many samples there are, at least one.
        labels: [count, ...], or None.

    Raises:
        UserError: when samples differ in shape.
    """
    folder.mkdir()
    write_rows(folder / "inputs", samples, count=count)
    if labels is not None:
        np.save(folder / "labels.npy", labels, allow_pickle=False)


def read_samples(folder: Path) -> dict[str, np.ndarray]:
    """The inputs that `write_samples` wrote, memory-mapped, by name."""
    return read_arrays(folder / "inputs")


def read_labels(folder: Path) -> np.ndarray | None:
    """The labels that `write_samples` wrote, if any."""
    path = folder / "labels.npy"
    return np.load(path, allow_pickle=False) if path.exists() else None


def read_arrays(folder: Path) -> dict[str, np.ndarray]:
    """The arrays of a folder, memory-mapped, by name in alphabetical order.

    Raises:
        UserError: when there is none.
    """
    found = {array_name(path): np.load(path, mmap_mode="r", allow_pickle=False) for path in sorted(folder.glob("*.npy"))}
    if not found:
        raise UserError(f"{folder}: holds no arrays; run `dvc repro`, which makes them")
    return found


def digest(path: Path) -> bytes:
    """SHA-256 of a file's content, read a block at a time."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").digest()


def folder_digest(folder: Path) -> str:
    """SHA-256 over the names and contents of the .yaml files below `folder`, the same on every platform."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.yaml"), key=lambda p: p.relative_to(folder).as_posix()):
        for part in (path.relative_to(folder).as_posix().encode(), path.read_bytes().replace(b"\r\n", b"\n")):
            digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()
