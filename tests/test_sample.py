import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline import files, paths
from pipeline.dataset import splits
from tests.helpers import ROOT, call, edited_params

SETS = {"calibration": paths.CALIBRATION, "tuning": paths.TUNING, "evaluation": paths.EVALUATION}


def test_sets_hold_the_listed_samples_and_overlap_neither_with_each_other_nor_with_training(finished: Path) -> None:
    data = np.load(ROOT / "data" / "digits.npz")
    split = files.read_json(finished / paths.SPLIT)
    contents: dict[str, set[bytes]] = {"training": {image.tobytes() for image in data["images"][data["split"] == "train"]}}
    for name, folder in SETS.items():
        listed = split["sets"][name]["samples"]
        numbers = [int(re.fullmatch(r"digits\[(\d+)\]", entry["id"])[1]) for entry in listed]  # type: ignore[index]
        written = files.read_samples(finished / folder)["image"]
        np.testing.assert_array_equal(written, data["images"][numbers].astype(np.float32) / 16)
        np.testing.assert_array_equal(files.read_targets(finished / folder)["labels"], data["labels"][numbers])
        assert listed[0]["sha256"] == splits.content_hash({"image": data["images"][numbers[0]]})
        contents[name] = {data["images"][number].tobytes() for number in numbers}
    assert {name: len(content) for name, content in contents.items()} == {
        "training": 997,
        "calibration": 200,
        "tuning": 150,
        "evaluation": 450,
    }
    assert len(set.union(*contents.values())) == 1797


def test_every_prefix_of_the_calibration_pool_is_stratified(finished: Path) -> None:
    labels = files.read_targets(finished / paths.CALIBRATION)["labels"]
    assert labels is not None
    for length in (20, 50, 100, 200):
        counts = np.bincount(labels[:length], minlength=10)
        assert counts.min() >= length / 10 * 0.7 - 1
        assert counts.max() <= length / 10 * 1.3 + 1


def prepare(finished: Path, folder: Path, changes: dict[str, Any], **arrays: np.ndarray) -> str:
    """Run the stage on changed params and data; what it printed. It must fail in one message and write nothing."""
    edited_params(finished, folder, changes)
    (folder / "models").mkdir()
    shutil.copy(finished / paths.SOURCE_FACTS, folder / paths.SOURCE_FACTS)
    (folder / "data").mkdir()
    data = {**np.load(ROOT / "data" / "digits.npz"), **arrays}
    np.savez(folder / "data" / "digits.npz", allow_pickle=False, **data)
    done = call("python", "-m", "pipeline.sample", cwd=folder, check=False, PYTHONPATH=str(ROOT))
    assert done.returncode == 1
    assert "Traceback" not in done.stdout
    assert [path.name for path in (folder / "data").iterdir()] == ["digits.npz"]
    return done.stdout


IMAGES = np.load(ROOT / "data" / "digits.npz")["images"]
LABELS = np.load(ROOT / "data" / "digits.npz")["labels"]
RESCALE = {"name": "rescale", "options": {"scale": 0.0625, "offset": 0.0}}


def with_nan() -> np.ndarray:
    images = IMAGES.astype(np.float32)
    images[:] = np.nan
    images += np.arange(len(images), dtype=np.float32)[:, None, None, None]
    images[:, 0, 0, 0] = np.arange(len(images))  # different contents, NaN in each
    return images


FIRST, SECOND = np.flatnonzero(np.load(ROOT / "data" / "digits.npz")["split"] == "held_out")[:2]


def twice() -> np.ndarray:
    images = IMAGES.copy()
    images[SECOND] = images[FIRST]
    return images


@pytest.mark.parametrize(
    ("changes", "arrays", "message"),
    [
        ({"data.path": "data/none.npz"}, {}, "data.path: no such file or folder: data/none.npz; set it in conf/data/"),
        ({"data.path": "params.yaml"}, {}, "params.yaml: not readable as .npz"),
        ({"data.reader.options.labels": "targets"}, {}, "data/digits.npz: has no array 'targets'; has: images, labels, split"),
        ({}, {"labels": LABELS[:-1]}, "data/digits.npz: arrays differ in length: image 1797, labels 1796, split 1797"),
        ({}, {"images": IMAGES[:, :7]}, "input image has shape [7, 8, 1], the network wants [8, 8, 1]; see data.preprocess"),
        ({"data.preprocess": []}, {}, "input image is uint8, the network wants float32; add a step to data.preprocess"),
        ({"data.reader.options.inputs": {"x": "images"}}, {}, "data.reader: gives inputs x; the network has image"),
        ({}, {"images": with_nan()}, "input image holds NaN or infinity; remove the sample or fix the data"),
        ({}, {"labels": LABELS + 1}, "is not in data.classes, which has 10 (0 to 9)"),
        ({}, {"labels": np.where(LABELS == 7, 8, LABELS)}, "data.classes: no sample of '7'; remove the class or add samples"),
        (
            {},
            {"images": twice()},
            f"digits[{SECOND}] has the same content as digits[{FIRST}] (1 such); remove one, or set data.duplicates to drop",
        ),
        ({"data.splits.tuning.take": 700}, {}, "data.splits.tuning: asks for 700 samples, 600 are left of 800; take fewer"),
        (
            {"data.splits.tuning.source": ["test"]},
            {},
            "data.splits.tuning.source: the data declares no split 'test'; declares:",
        ),
        ({"data.splits.training": ["seen"]}, {}, "data.splits.training: the data declares no split 'seen'"),
    ],
)
def test_bad_data_is_refused_with_what_to_do(
    finished: Path, tmp_path: Path, changes: dict[str, Any], arrays: dict[str, np.ndarray], message: str
) -> None:
    assert message in prepare(finished, tmp_path, changes, **arrays)


def test_duplicates_can_be_dropped_and_are_named(finished: Path, tmp_path: Path) -> None:
    edited_params(finished, tmp_path, {"data.duplicates": "drop"})
    (tmp_path / "models").mkdir()
    shutil.copy(finished / paths.SOURCE_FACTS, tmp_path / paths.SOURCE_FACTS)
    (tmp_path / "data").mkdir()
    np.savez(tmp_path / "data" / "digits.npz", allow_pickle=False, **{**np.load(ROOT / "data" / "digits.npz"), "images": twice()})
    call("python", "-m", "pipeline.sample", cwd=tmp_path, PYTHONPATH=str(ROOT))
    split = files.read_json(tmp_path / paths.SPLIT)
    assert split["dropped_duplicates"] == [f"digits[{SECOND}]"]
