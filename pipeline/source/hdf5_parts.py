"""The HDF5 files inside the archive of a saved network."""

import io
import zipfile
from collections.abc import Iterator

import h5py


def of_archive(archive: zipfile.ZipFile) -> Iterator[h5py.File]:
    """Each HDF5 file of an archive in turn, closed when the next one is asked for.

    In memory, as Keras reads it too: going back inside an archive means reading it from its start again.

    Raises:
        Whatever zipfile and h5py raise for a damaged one.
    """
    for name in archive.namelist():
        if name.endswith(".h5"):
            with h5py.File(io.BytesIO(archive.read(name)), "r") as file:
                yield file
