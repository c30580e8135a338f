"""HDF5 files that are sound and hold something else: attributes and data sets gone, of another type or shape, links in a circle."""

import io
import json
from typing import Any

import h5py
import numpy as np

from tests.mutations import of_json
from tests.mutations.case import Change


def _edited(content: bytes, edit: Any) -> bytes:
    stream = io.BytesIO(content)
    with h5py.File(stream, "r+") as file:
        edit(file)
    return stream.getvalue()


def _objects(file: Any, kind: type) -> list[Any]:
    found: list[Any] = [file] if isinstance(file, kind) else []
    file.visititems(lambda name, entry: found.append(entry) if isinstance(entry, kind) else None)
    return found


def _values(rng: np.random.Generator) -> Any:
    chosen = (
        0, -1, 2**60, 1.5, float("nan"), "", "x", "999", "2.x", b"\xff\xfe", True, np.zeros(0), np.zeros((3, 3)),
        np.array([b"a", b"b"]), np.array(["kernel:0", "nonsense"], dtype=h5py.string_dtype()), h5py.Empty("f4"),
        np.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f4")]), "a" * 60_000, "é",
    )  # fmt: skip
    return chosen[int(rng.integers(len(chosen)))]


def attribute_changed(content: bytes, rng: np.random.Generator) -> bytes:
    def edit(file: Any) -> None:
        holders = [entry for entry in _objects(file, object) if len(entry.attrs)]
        if not holders:
            file.attrs["keras_version"] = _values(rng)
            return
        holder = holders[int(rng.integers(len(holders)))] if rng.random() < 0.5 else holders[0]
        name = sorted(holder.attrs)[int(rng.integers(len(holder.attrs)))]
        value = holder.attrs[name]
        del holder.attrs[name]
        how = int(rng.integers(4))
        if how == 1:
            holder.attrs[name] = _values(rng)
        elif how == 2:
            holder.attrs[f"{name}_"] = value
        elif how == 3 and isinstance(value, np.ndarray) and value.size:
            holder.attrs[name] = value[::-1] if rng.random() < 0.5 else np.concatenate([value, value])

    return _edited(content, edit)


def config_changed(content: bytes, rng: np.random.Generator) -> bytes:
    """The architecture that the file holds as JSON."""

    def edit(file: Any) -> None:
        text = file.attrs["model_config"]
        text = text.encode() if isinstance(text, str) else text
        change = of_json.JSON[int(rng.integers(len(of_json.JSON)))]
        changed = change(json.dumps(json.loads(text)).encode(), rng)
        # An attribute in the header of its object takes less than 64 KB.
        file.attrs["model_config"] = np.bytes_(changed[:64_000] or b" ")

    return _edited(content, edit)


def data_changed(content: bytes, rng: np.random.Generator) -> bytes:
    def edit(file: Any) -> None:
        sets = _objects(file, h5py.Dataset)
        if not sets:
            return
        entry = sets[int(rng.integers(len(sets)))]
        name, values = entry.name, np.asarray(entry[()])
        dtypes = ("float16", "float64", "int8", "complex64", "S4", "bool", ">f4")
        shapes: tuple[Any, ...] = ((), (0,), (1,), (*values.shape, 1), values.shape[::-1], (values.size,), (2**40,))
        del file[name]
        how = int(rng.integers(6))
        if how == 1:
            file[name] = values.astype(dtypes[int(rng.integers(len(dtypes)))])
        elif how == 2:
            file.create_dataset(name, shape=shapes[int(rng.integers(len(shapes)))], dtype="f4", chunks=None)
        elif how == 3:
            file.create_group(name)
        elif how == 4:
            file.create_dataset(f"{name}_", data=values)
        elif how == 5:
            file.create_dataset(name, data=np.full(values.shape, (np.nan, np.inf, -np.inf)[int(rng.integers(3))], values.dtype))

    return _edited(content, edit)


def link_changed(content: bytes, rng: np.random.Generator) -> bytes:
    """A group or a data set becomes a link: to nothing, to itself, to another file, to a group above it."""

    def edit(file: Any) -> None:
        entries = [entry for entry in _objects(file, object) if entry.name != "/"]
        if not entries:
            return
        name = entries[int(rng.integers(len(entries)))].name
        above = name.rsplit("/", 1)[0] or "/"
        parent = file[above]
        target: Any = (
            h5py.SoftLink("/nowhere"),
            h5py.SoftLink(name),
            h5py.ExternalLink("/etc/passwd", "/"),
            h5py.ExternalLink("/dev/zero", "/x"),
            parent,
        )[int(rng.integers(5))]
        del file[name]
        file[name] = target

    return _edited(content, edit)


WEIGHTS: tuple[Change, ...] = (attribute_changed, data_changed, data_changed, link_changed)
HDF5: tuple[Change, ...] = (*WEIGHTS, attribute_changed, config_changed, config_changed, config_changed)
