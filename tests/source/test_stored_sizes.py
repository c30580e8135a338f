"""What a network's file says of its size is compared with the limit before anything of it is read."""

import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest

from pipeline.errors import UserError
from pipeline.source import stored_sizes
from pipeline.system import boundary


def bomb(path: Path) -> Path:
    """Ten million zeros, a thousandth as large; and an object that two names lead to."""
    with h5py.File(path, "w") as file:
        file.create_dataset("model_weights/dense/kernel", data=np.zeros((5000, 500), np.float32), compression="gzip")
        file["again"] = file["model_weights/dense/kernel"]
        file["model_weights/circle"] = file["/"]
    assert path.stat().st_size < 100_000
    return path


def zipped(path: Path, content: Path, compression: int) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.write(content, "model.weights.h5")
    return path


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_arrays_count_as_what_they_unpack_to(compression: int, tmp_path: Path) -> None:
    inside = bomb(tmp_path / "m.h5")
    for path, container in ((inside, "hdf5"), (zipped(tmp_path / "m.keras", inside, compression), "zip")):
        with boundary.limits(seconds=9, gigabytes=0.0099):
            expected = rf"^model\.path: .*{path.name}: unpacked, it takes 0\.01 GB, the limit is 0\.0099 GB; .*limits\.gigabytes: 1"
            with pytest.raises(UserError, match=expected):
                stored_sizes.check(path, container)
        with boundary.limits(seconds=9, gigabytes=0.0101):
            stored_sizes.check(path, container)


def test_a_member_that_unpacks_to_too_much(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_bytes(bytes(5_000_000))
    path = tmp_path / "m.keras"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(tmp_path / "config.json", "config.json")
    with boundary.limits(seconds=9, gigabytes=0.004), pytest.raises(UserError, match=r"m\.keras: unpacked, it takes 0\.005 GB"):
        stored_sizes.check(path, "zip")


def test_a_folder_is_as_large_as_it_lies_there(tmp_path: Path) -> None:
    with boundary.limits(seconds=9, gigabytes=1e-9):
        stored_sizes.check(tmp_path, "folder")
