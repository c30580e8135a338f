"""The file formats of the pipeline. Everything is written under a temporary name first, so that nothing is ever half-written."""

import contextlib
import hashlib
import json
import math
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, BinaryIO, TypeVar
from urllib.parse import quote, unquote

import msgspec
import numpy as np

from pipeline.errors import UserError
from pipeline.system.disk import erase, writing

Record = TypeVar("Record")


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path beside `path`, moved onto it when the block ends well and removed when it does not.

    Works for files and for folders; an existing target is replaced as a whole.

    Raises:
        UserError: when the system does not let it be written, naming `path`.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            yield temporary
            if path.is_dir():
                erase(path)
            temporary.replace(path)
    finally:
        erase(temporary)


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file as a whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def write_text(path: Path, content: str) -> None:
    """Write UTF-8 text with Unix line ends as a whole or not at all."""
    write_bytes(path, content.encode())


def write_json(path: Path, content: Any) -> None:
    """Write JSON with sorted keys: the same content gives the same bytes. NaN and infinity are refused (ValueError)."""
    # Piece by piece: the pieces of a text of many samples take several times the memory of the samples.
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as stream:
        json.dump(content, stream, indent=2, sort_keys=True, allow_nan=False)
        stream.write("\n")


def read_json(path: Path) -> Any:
    """Read JSON.

    Raises:
        UserError: when the file is missing or no JSON.
    """
    try:
        return json.loads(read_bytes(path))
    except ValueError as error:
        raise UserError(f"{path}: not readable as JSON ({error}); run `dvc repro` to make it again") from None


def read_record(path: Path, record: type[Record]) -> Record:
    """Read JSON as what the stage that wrote it says it is: no field more, none missing, none of another type.

    Args:
        path: of the file.
        record: a `msgspec.Struct`; `write_json` of `msgspec.to_builtins` writes one.

    Raises:
        UserError: when the file is missing, no JSON, or not such a record.
    """
    try:
        return msgspec.json.decode(read_bytes(path), type=record, strict=True)
    except msgspec.DecodeError as error:  # a ValidationError is one
        raise UserError(f"{path}: {error}; run `dvc repro` to make it again") from None


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
        write_array(array_path(folder, name), array)


def write_array(path: Path, array: np.ndarray) -> None:
    """Write one .npy file, the same bytes as `np.save`, whose error does not say that a disk is full."""
    with path.open("wb") as stream:
        np.lib.format.write_array(SimpleNamespace(write=stream.write), np.asanyarray(array), allow_pickle=False)


def write_rows(folder: Path, rows: Iterable[Mapping[str, np.ndarray]], *, count: int) -> None:
    """Write arrays row by row, none of them in memory: `NAME.npy` [count, ...] for each name, to be memory-mapped by readers.

    Args:
        folder: does not exist yet (see `replacing`).
        rows: `count` of them, each with the same names, shapes and dtypes.
        count: how many rows there are.

    Raises:
        UserError: when rows differ in shape.
    """
    folder.mkdir()
    shapes: dict[str, tuple[int, ...]] = {}
    with contextlib.ExitStack() as opened:
        streams: dict[str, BinaryIO] = {}
        for number, row in enumerate(rows):
            for name, array in row.items():
                if name not in streams:
                    streams[name] = opened.enter_context(array_path(folder, name).open("wb"))
                    shapes[name] = array.shape
                    _write_header(streams[name], (count, *array.shape), array.dtype)
                if shapes[name] != array.shape:
                    raise UserError(
                        f"{name}: sample {number} has shape {list(array.shape)}, the first has {list(shapes[name])}; "
                        "bring them to one shape in data.preprocess"
                    )
                # Not through a memory map: its pages would count as the process's memory until the system takes them back.
                streams[name].write(np.ascontiguousarray(array).tobytes())


class StoredArray:
    """An array in a .npy file, whose rows are written in any order, by several threads.

    Not through a memory map: where the disk is full, writing into one ends the process (SIGBUS).
    """

    def __init__(self, path: Path, shape: tuple[int, ...], dtype: np.dtype) -> None:
        self._path, self._dtype = path, dtype
        self._row = math.prod(shape[1:]) * dtype.itemsize
        with writing(path), path.open("wb") as stream:
            _write_header(stream, shape, dtype)
            self._first = stream.tell()

    def __setitem__(self, rows: slice, values: np.ndarray) -> None:
        """Write the rows from `rows.start` on.

        Raises:
            UserError: when there is no room for them.
        """
        with writing(self._path), self._path.open("r+b") as stream:
            stream.seek(self._first + rows.start * self._row)
            stream.write(np.ascontiguousarray(values, self._dtype).tobytes())


def stored(folder: Path) -> Callable[[str, tuple[int, ...], np.dtype], StoredArray]:
    """A function of name, shape and dtype that makes an array in a file of the folder."""
    return lambda name, shape, dtype: StoredArray(array_path(folder, name), shape, dtype)


def _write_header(stream: BinaryIO, shape: tuple[int, ...], dtype: np.dtype) -> None:
    header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(stream, header)


def write_samples(
    folder: Path,
    samples: Iterable[Mapping[str, np.ndarray]],
    *,
    count: int,
    labels: np.ndarray | Mapping[str, np.ndarray] | None,
) -> None:
    """Write samples as they come: `inputs/NAME.npy` [count, ...] for each input, memory-mapped, and the labels beside it.

    Args:
        folder: does not exist yet (see `replacing`).
        samples: inputs by name without a batch dimension, all of the same shapes.
        count: how many samples there are, at least one.
        labels: [count, ...] for `labels.npy`; several by name for `labels/NAME.npy`; or None.

    Raises:
        UserError: when samples differ in shape.
    """
    folder.mkdir()
    write_rows(folder / "inputs", samples, count=count)
    if isinstance(labels, Mapping):
        write_arrays(folder / "labels", labels)
    elif labels is not None:
        write_array(folder / "labels.npy", labels)


def read_samples(folder: Path) -> dict[str, np.ndarray]:
    """The inputs that `write_samples` wrote, memory-mapped, by name."""
    return read_arrays(folder / "inputs")


def read_targets(folder: Path) -> dict[str, np.ndarray]:
    """All labels that `write_samples` wrote, memory-mapped, by name ("labels" when there is one array); empty without labels."""
    single = folder / "labels.npy"
    if single.exists():
        return {"labels": np.load(single, mmap_mode="r", allow_pickle=False)}
    return read_arrays(folder / "labels") if (folder / "labels").exists() else {}


def read_arrays(folder: Path) -> dict[str, np.ndarray]:
    """The arrays of a folder, memory-mapped, by name in alphabetical order.

    Raises:
        UserError: when there is none.
    """
    found = {array_name(path): np.load(path, mmap_mode="r", allow_pickle=False) for path in sorted(folder.glob("*.npy"))}
    if not found:
        raise UserError(f"{folder}: holds no arrays; run `dvc repro`, which makes them")
    return found


def content_sha256(path: Path) -> str:
    """SHA-256 of a file; of a folder over the names and hashes of its files in order.

    Raises:
        UserError: when there is none.
    """
    if not path.is_dir():
        try:
            with path.open("rb") as stream:
                return hashlib.file_digest(stream, "sha256").hexdigest()
        except FileNotFoundError:
            raise UserError(f"{path}: no such file; run `dvc repro`, which makes it") from None
    digest = hashlib.sha256()
    for entry in sorted(path.rglob("*"), key=lambda p: p.relative_to(path).as_posix()):
        if entry.is_file():
            digest.update(f"{entry.relative_to(path).as_posix()} {content_sha256(entry)}\n".encode())
    return digest.hexdigest()


def write_graph(path: Path, graph: Mapping[str, Any], constants: Mapping[str, np.ndarray]) -> None:
    """Write what `graphdef.read` returns as one .npz file: the graph as JSON, and each constant."""
    text = np.frombuffer(json.dumps(graph, sort_keys=True, allow_nan=False).encode(), np.uint8)
    with replacing(path) as temporary, temporary.open("wb") as stream:
        np.savez(stream, allow_pickle=False, graph=text, **{f"constant/{name}": value for name, value in constants.items()})


def read_graph(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Read what `write_graph` wrote.

    Raises:
        UserError: when the file is missing.
    """
    stored = read_variables(path)
    graph = json.loads(stored.pop("graph").tobytes())
    return graph, {name.removeprefix("constant/"): value for name, value in stored.items()}


def read_variables(path: Path) -> dict[str, np.ndarray]:
    """The arrays of an .npz file by name.

    Raises:
        UserError: when the file is missing.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            return dict(stored)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; run `dvc repro`, which makes it") from None


def folder_digest(folder: Path) -> str:
    """SHA-256 over the names and contents of the .yaml files below `folder`, the same on every platform."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.yaml"), key=lambda p: p.relative_to(folder).as_posix()):
        for part in (path.relative_to(folder).as_posix().encode(), path.read_bytes().replace(b"\r\n", b"\n")):
            digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()
