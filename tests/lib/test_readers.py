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
    assert isinstance(dataset.labels, np.ndarray)
    assert dataset.labels.tolist() == [2, 0, 1]
    assert dataset.split is not None
    assert dataset.split.tolist() == ["a", "b", "a"]


def test_labels_that_are_no_classes(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", x=np.zeros((3, 1)), y=np.arange(9.0).reshape(3, 3), c=np.array([1, 0, 1]))
    dataset = readers.npz(tmp_path / "d.npz", inputs={"x": "x"}, labels="y")
    assert readers.classes(dataset) is None
    taken = readers.take(dataset, [2, 0])
    assert isinstance(taken, np.ndarray)
    assert taken.tolist() == [[6.0, 7.0, 8.0], [0.0, 1.0, 2.0]]
    several = readers.npz(tmp_path / "d.npz", inputs={"x": "x"}, labels={"value": "y", "kind": "c"})
    assert readers.classes(several) is None
    both = readers.take(several, [1])
    assert isinstance(both, dict)
    assert (both["value"].tolist(), both["kind"].tolist()) == ([[3.0, 4.0, 5.0]], [0])


def test_arrays_of_different_length(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", x=np.zeros((3, 1)), y=np.zeros(2))
    with pytest.raises(UserError, match="arrays differ in length: x 3, labels 2"):
        readers.npz(tmp_path / "d.npz", inputs={"x": "x"}, labels="y")
