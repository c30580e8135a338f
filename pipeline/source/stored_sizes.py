"""How much a saved network takes once it is unpacked, from what its file says of itself: no array is read."""

import zipfile
from pathlib import Path
from typing import Any

import h5py

from pipeline.source import hdf5_parts
from pipeline.system import boundary


def check(path: Path, container: str) -> None:
    """Refuse a network whose arrays take more than the limit. A SavedModel's lie in its folder as they are.

    Args:
        path: of a file that `detect.detect` knows.
        container: "zip", "hdf5" or "folder".

    Raises:
        UserError: naming the size and the limit; whatever h5py and zipfile raise for a damaged file.
    """
    if container == "hdf5":
        with h5py.File(path, "r") as file:
            _within(path, _of_arrays(file))
    elif container == "zip":
        with zipfile.ZipFile(path) as archive:
            check_archive(path, archive)
            for file in hdf5_parts.of_archive(archive):
                _within(path, _of_arrays(file))


def check_archive(path: Path, archive: zipfile.ZipFile) -> None:
    """Refuse an archive whose members say that they unpack to more than the limit, as `check` does.

    No member unpacks to more than it says: zipfile stops there.
    """
    _within(path, sum(member.file_size for member in archive.infolist()))


def _within(path: Path, size: int) -> None:
    boundary.within(path, size, what="unpacked, it takes", key="model.path")


def _of_arrays(file: Any) -> int:
    """Bytes of all arrays of an HDF5 file, compressed or not, each counted once."""
    sizes: list[int] = []

    def visit(name: str, entry: Any) -> None:
        if isinstance(entry, h5py.Dataset):
            sizes.append(int(entry.size or 0) * int(entry.dtype.itemsize))

    file.visititems(visit)
    return sum(sizes)
