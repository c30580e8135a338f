from pathlib import Path

import pytest

from pipeline.lib import folders
from pipeline.lib.errors import UserError


def make(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("x")
    return root


def test_classes_and_files_in_the_order_of_their_names(tmp_path: Path) -> None:
    make(tmp_path, "dog/b.PNG", "cat/z.png", "dog/a.png", "dog/deep/c.png", "dog/.hidden.png", "dog/Thumbs.db", "notes.txt")
    found = folders.listing(tmp_path, suffixes=[".png"], labelled=True, splits=False)
    assert [file.relative_to(tmp_path).as_posix() for file in found.files] == [
        "cat/z.png",
        "dog/a.png",
        "dog/b.PNG",
        "dog/deep/c.png",
    ]
    assert found.classes == ["cat", "dog"]
    assert found.labels is not None
    assert found.labels.tolist() == [0, 1, 1, 1]
    assert found.split is None


def test_splits_come_first(tmp_path: Path) -> None:
    make(tmp_path, "train/cat/1.png", "val/cat/1.png", "val/dog/1.png")
    found = folders.listing(tmp_path, suffixes=[".png"], labelled=True, splits=True)
    assert found.split is not None
    assert found.split.tolist() == ["train", "val", "val"]
    assert found.classes == ["cat", "dog"]


def test_without_labels_files_lie_anywhere(tmp_path: Path) -> None:
    make(tmp_path, "a.png", "deep/er/b.png")
    found = folders.listing(tmp_path, suffixes=[".png"], labelled=False, splits=False)
    assert (len(found.files), found.labels, found.classes) == (2, None, None)


def test_a_stray_file_is_named(tmp_path: Path) -> None:
    make(tmp_path, "cat/a.png", "cat/readme.md")
    with pytest.raises(UserError, match=r"readme\.md is no \.png file; move it out"):
        folders.listing(tmp_path, suffixes=[".png"], labelled=True, splits=False)
