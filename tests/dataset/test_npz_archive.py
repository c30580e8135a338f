"""Arrays of an .npz file: what it says of itself is believed only as far as it holds."""

import struct
import zipfile
from pathlib import Path
from typing import IO

import numpy as np
import pytest

from pipeline.dataset import npz_archive
from pipeline.errors import UserError
from pipeline.system import boundary


def bomb(path: Path, count: int) -> Path:
    """`count` zeros of one byte each, a thousandth as large."""
    np.savez_compressed(path, x=np.zeros((count, 1), np.uint8))
    return path


def test_arrays_are_those_that_were_saved(tmp_path: Path) -> None:
    given: dict[str, np.ndarray] = {
        "b": np.arange(6, dtype=np.int16).reshape(2, 3),
        "a": np.asfortranarray(np.eye(3)),
        "none": np.zeros((0, 2)),
    }
    np.savez_compressed(tmp_path / "a.npz", **given)  # type: ignore[arg-type]
    with zipfile.ZipFile(tmp_path / "a.npz") as archive:
        assert npz_archive.names(archive) == ["a", "b", "none"]
        for name, expected in given.items():
            np.testing.assert_array_equal(npz_archive.array(archive, name), expected, strict=True)
        with pytest.raises(UserError, match=r"a\.npz: has no array 'c'; has: a, b, none"):
            npz_archive.array(archive, "c")


def test_what_unpacks_to_too_much_is_refused_before_it_is_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = bomb(tmp_path / "a.npz", 3_000_000)
    assert path.stat().st_size < 10_000
    monkeypatch.setattr("tempfile.TemporaryFile", None)  # nothing is taken
    with (
        boundary.limits(seconds=9, gigabytes=0.002),
        zipfile.ZipFile(path) as archive,
        pytest.raises(UserError, match=r"a\.npz: unpacked, its arrays take 0\.003 GB, the limit is 0\.002 GB; .*limits\.gigabytes"),
    ):
        npz_archive.array(archive, "x")


def test_a_member_that_lies_about_its_size_stops_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = bomb(tmp_path / "a.npz", 3_000_000)
    content = bytearray(path.read_bytes())
    said = struct.pack("<I", 3_000_128)
    at = content.rindex(said)  # in the central directory, which is what a reader goes by
    content[at : at + 4] = struct.pack("<I", 1000)
    path.write_bytes(content)
    unpacked = 0

    def copy(packed: IO[bytes], stream: IO[bytes], size: int) -> None:
        nonlocal unpacked
        while block := packed.read(size):
            unpacked += len(block)
            stream.write(block)

    monkeypatch.setattr("shutil.copyfileobj", copy)
    with zipfile.ZipFile(path) as archive, pytest.raises((zipfile.BadZipFile, ValueError)):
        npz_archive.array(archive, "x")
    assert unpacked <= 1000
