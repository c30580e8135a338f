from pathlib import Path

import numpy as np
import pytest

from pipeline.dataset import readers
from pipeline.errors import UserError


def test_npz_gives_each_sample_by_input_name(tmp_path: Path) -> None:
    path = tmp_path / "d.npz"
    np.savez(path, pictures=np.arange(6).reshape(3, 2), what=np.array([2, 0, 1], np.uint8), part=np.array(["a", "b", "a"]))
    dataset = readers.READERS["npz"](path, inputs={"image": "pictures"}, labels="what", split="part")
    assert dataset.ids == ["d[0]", "d[1]", "d[2]"]
    assert dataset.read(1)["image"].tolist() == [2, 3]
    assert isinstance(dataset.labels, np.ndarray)
    assert dataset.labels.tolist() == [2, 0, 1]
    assert dataset.split is not None
    assert dataset.split.tolist() == ["a", "b", "a"]


def test_labels_that_are_no_numbers(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", x=np.zeros((2, 1)), y=np.array(["cat", "dog"]))
    with pytest.raises(UserError, match=r"d.npz: y: expected numbers, got <U3 \[2\]; give class indices"):
        readers.READERS["npz"](tmp_path / "d.npz", inputs={"x": "x"}, labels="y")
