"""Arrays of an .npz file, unpacked one at a time into a temporary file, so that they need not fit into memory."""

import shutil
import zipfile
from pathlib import Path
from typing import IO

import numpy as np

from pipeline.dataset.samples import bookkeeping
from pipeline.errors import UserError
from pipeline.system import boundary, disk


def names(archive: zipfile.ZipFile) -> list[str]:
    """The names of the arrays that there are, in order."""
    return sorted(member.removesuffix(".npy") for member in archive.namelist())


def array(archive: zipfile.ZipFile, name: str) -> np.ndarray:
    """One array as a read-only memory map of a temporary file (where `TMPDIR` says), which the system frees when it is gone.

    Raises:
        UserError: when there is none of that name, it holds Python objects, all that the archive says it unpacks to is more
            than the limit, or there are too many samples. Whatever `zipfile` and NumPy raise for a damaged one.
    """
    path = Path(str(archive.filename))
    members = {member.filename.removesuffix(".npy"): member for member in archive.infolist()}
    if name not in members:
        raise UserError(f"{path}: has no array {name!r}; has: {', '.join(sorted(members))}")
    # No member unpacks to more than it says here: zipfile stops there.
    boundary.within(path, sum(member.file_size for member in members.values()), what="unpacked, its arrays take")
    with archive.open(members[name]) as packed:
        shape, _, _ = _header(packed)
    bookkeeping(path, *shape[:1])
    with disk.temporary_file() as stream:
        with archive.open(members[name]) as packed:
            shutil.copyfileobj(packed, stream, 1 << 20)
        stream.seek(0)
        shape, fortran, dtype = _header(stream)
        if dtype.hasobject:
            raise UserError(f"{path}: {members[name].filename} holds Python objects; save plain arrays")
        if 0 in shape or not shape:  # nothing to map
            stream.seek(0)
            return np.asarray(np.load(stream, allow_pickle=False))
        return np.memmap(stream, dtype, "r", offset=stream.tell(), shape=shape, order="F" if fortran else "C")


def _header(stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Shape, whether it is in Fortran's order, and dtype, as they stand before the values."""
    version = np.lib.format.read_magic(stream)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    return read(stream)
