from pathlib import Path

import numpy as np
import pytest

from pipeline.dataset import arrays
from pipeline.errors import UserError


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_members_are_mapped_not_loaded(tmp_path: Path, save: object) -> None:
    rows = np.arange(24, dtype=np.int16).reshape(4, 3, 2)
    save(tmp_path / "d.npz", x=rows, f=np.asfortranarray(rows), y=np.arange(4, dtype=np.uint8))  # type: ignore[operator]
    dataset = arrays.npz(tmp_path / "d.npz", inputs={"a": "x", "b": "f"}, labels="y")
    for i in range(4):
        np.testing.assert_array_equal(dataset.read(i)["a"], rows[i], strict=True)
        np.testing.assert_array_equal(dataset.read(i)["b"], rows[i], strict=True)
    assert isinstance(dataset.labels, np.ndarray)
    assert dataset.labels.dtype == np.int64


def test_a_folder_of_npy(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.arange(6).reshape(3, 2))
    np.save(tmp_path / "mask.npy", np.zeros((3, 4, 4), np.uint8))
    np.save(tmp_path / "box.npy", np.zeros((3, 2)))
    dataset = arrays.npy(tmp_path, inputs={"in": "x"}, labels={"where": "mask", "frame": "box"})
    assert dataset.read(1)["in"].tolist() == [2, 3]
    assert isinstance(dataset.labels, dict)
    assert {name: array.shape for name, array in dataset.labels.items()} == {"where": (3, 4, 4), "frame": (3, 2)}
    with pytest.raises(UserError, match=r"has no z\.npy; has: box, mask, x"):
        arrays.npy(tmp_path, inputs={"in": "z"})


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_python_objects_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", x=np.array([{"a": 1}], dtype=object))
    with pytest.raises(UserError, match=r"x\.npy holds Python objects; save plain arrays"):
        arrays.npz(tmp_path / "d.npz", inputs={"x": "x"})
