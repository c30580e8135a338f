from pathlib import Path

import numpy as np
import pytest

from pipeline.dataset import class_folders
from pipeline.dataset.samples import Dataset
from pipeline.errors import UserError


def dataset(root: Path, *, labelled: bool = True, splits: bool = False) -> Dataset:
    """Every file's sample is the number of its bytes."""
    return class_folders.dataset(
        root, lambda file: np.array(len(file.read_bytes())), input="x", suffixes=[".png"], labelled=labelled, splits=splits
    )


def make(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("x")
    return root


def test_classes_and_files_in_the_order_of_their_names(tmp_path: Path) -> None:
    make(tmp_path, "dog/b.PNG", "cat/z.png", "dog/a.png", "dog/deep/c.png", "dog/.hidden.png", "dog/Thumbs.db", "notes.txt")
    found = dataset(tmp_path)
    assert found.ids == ["cat/z.png", "dog/a.png", "dog/b.PNG", "dog/deep/c.png"]
    assert found.classes == ["cat", "dog"]
    assert found.labels is not None
    np.testing.assert_array_equal(found.labels, [0, 1, 1, 1])
    assert found.split is None


def test_a_sample_is_read_from_its_own_file(tmp_path: Path) -> None:
    make(tmp_path, "cat/a.png", "cat/b.png")
    (tmp_path / "cat" / "b.png").write_text("three")
    found = dataset(tmp_path)
    assert [int(found.read(i)["x"]) for i in range(2)] == [1, 5]


def test_splits_come_first(tmp_path: Path) -> None:
    make(tmp_path, "train/cat/1.png", "val/cat/1.png", "val/dog/1.png")
    found = dataset(tmp_path, splits=True)
    assert found.split is not None
    assert found.split.tolist() == ["train", "val", "val"]
    assert found.classes == ["cat", "dog"]


def test_without_labels_files_lie_anywhere(tmp_path: Path) -> None:
    make(tmp_path, "a.png", "deep/er/b.png")
    found = dataset(tmp_path, labelled=False)
    assert (found.ids, found.labels, found.classes) == (["a.png", "deep/er/b.png"], None, None)


def test_a_stray_file_is_named(tmp_path: Path) -> None:
    make(tmp_path, "cat/a.png", "cat/readme.md")
    with pytest.raises(UserError, match=r"readme\.md is no \.png file; move it out"):
        dataset(tmp_path)
