from pathlib import Path

import numpy as np
import pytest

from pipeline.lib import readers
from pipeline.lib.errors import UserError


def test_npz_gives_each_sample_by_input_name(tmp_path: Path) -> None:
    path = tmp_path / "d.npz"
    np.savez(path, pictures=np.arange(6).reshape(3, 2), what=np.array([2, 0, 1], np.uint8), part=np.array(["a", "b", "a"]))
    dataset = readers.npz(path, inputs={"image": "pictures"}, labels="what", split="part")
    assert dataset.ids == ["d[0]", "d[1]", "d[2]"]
    assert dataset.read(1)["image"].tolist() == [2, 3]
    assert dataset.labels is not None
    assert dataset.labels.tolist() == [2, 0, 1]
    assert dataset.split is not None
    assert dataset.split.tolist() == ["a", "b", "a"]


def test_labels_that_are_no_classes(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", x=np.zeros((2, 1)), y=np.zeros((2, 3)))
    with pytest.raises(UserError, match=r"d.npz: y: expected integers \[n\], got float64 \[2, 3\]"):
        readers.npz(tmp_path / "d.npz", inputs={"x": "x"}, labels="y")
