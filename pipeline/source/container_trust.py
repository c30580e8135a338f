"""What the container of a Keras file may hold beside the network: nothing that leads to another file."""

import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import h5py

from pipeline.errors import UserError
from pipeline.source import detect, hdf5_parts

# Filters of HDF5 that its own library and h5py bring; for any other it would look for a program to load (H5Zpublic.h, h5py/lzf).
_FILTERS = frozenset((1, 2, 3, 4, 5, 6, 32000))


def refuse(path: Path, *, format: str) -> None:
    """Stop before a file is read that is two files at once, or leads to others.

    Raises:
        UserError: with what is inside, and what to do; whatever h5py and zipfile raise for a damaged file.
    """
    if detect.CONTAINERS[format] == "zip":
        if path.suffix != ".keras":
            raise UserError(f"model.path: {path} is a .keras file under another name; name it NAME.keras")
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                parts = PurePosixPath(name.replace("\\", "/"))
                if parts.is_absolute() or ".." in parts.parts or ":" in name:
                    raise UserError(f"model.path: {path} holds a member named {name!r}, which leads out of the archive; {_REMEDY}")
            for file in hdf5_parts.of_archive(archive):
                _refuse_links(path, file)
    elif detect.CONTAINERS[format] == "hdf5":
        if zipfile.is_zipfile(path):
            raise UserError(f"model.path: {path} is HDF5 and a zip archive at once, and which is read is chance; {_REMEDY}")
        with h5py.File(path, "r") as file:
            _refuse_links(path, file)


_REMEDY = "Keras writes no such file: do not use it, or load it where it was made and save it again"


def _refuse_links(path: Path, file: h5py.File) -> None:
    if found := next(_outside(file), None):
        raise UserError(f"model.path: {path} holds {found}, which reads another file of this machine; {_REMEDY}")


def _outside(file: h5py.File) -> Iterator[str]:
    """Links to other files, and arrays whose numbers are kept in others."""
    todo: list[Any] = [file]
    seen = set()
    while todo:
        group = todo.pop()
        for name in group:
            place = f"{group.name.rstrip('/')}/{name}"
            link = group.get(name, getlink=True)
            if isinstance(link, h5py.ExternalLink):
                yield f"a link to {link.filename} ({place})"
            if not isinstance(link, h5py.HardLink):
                continue  # one inside the file ends at something that a hard link leads to
            entry = group[name]
            if isinstance(entry, h5py.Dataset):
                if entry.is_virtual or entry.external:
                    yield f"an array that is kept in {_sources(entry)} ({place})"
                settings = entry.id.get_create_plist()
                used = {settings.get_filter(number)[0] for number in range(settings.get_nfilters())}
                if used - _FILTERS:
                    yield f"an array packed by the filter {min(used - _FILTERS)}, a program outside of HDF5 ({place})"
            elif isinstance(entry, h5py.Group):
                at = h5py.h5o.get_info(entry.id).addr
                if at not in seen:
                    seen.add(at)
                    todo.append(entry)


def _sources(array: h5py.Dataset) -> str:
    if array.is_virtual:
        return ", ".join(sorted({source.file_name for source in array.virtual_sources()}))
    return ", ".join(sorted({source[0] for source in array.external}))
