import io
import zipfile

import h5py
import numpy as np
import pytest

from pipeline.source import hdf5_parts


def archive(**members: bytes) -> zipfile.ZipFile:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as packed:
        for name, content in members.items():
            packed.writestr(f"{name}.h5", content)
        packed.writestr("config.json", "{}")
    return zipfile.ZipFile(stream)


def hdf5(value: int) -> bytes:
    stream = io.BytesIO()
    with h5py.File(stream, "w") as file:
        file["x"] = np.array([value])
    return stream.getvalue()


def test_each_file_is_open_in_its_turn_and_nothing_else_is_read() -> None:
    files: list[h5py.File] = []
    for file in hdf5_parts.of_archive(archive(a=hdf5(1), b=hdf5(2))):
        assert int(file["x"][0]) == len(files) + 1
        files.append(file)
    assert [bool(file) for file in files] == [False, False]


def test_a_damaged_one_raises_what_h5py_does() -> None:
    with pytest.raises(OSError, match="file signature not found"):
        list(hdf5_parts.of_archive(archive(a=b"no HDF5")))
