from pathlib import Path

import numpy as np
import pytest
from sklearn import metrics as sk

from pipeline.errors import UserError
from pipeline.evaluation import segmentation as s
from pipeline.evaluation.metric_type import Undefined

RNG = np.random.default_rng(4)
MASKS = RNG.integers(0, 3, (21, 6, 5))
OUTPUT = RNG.random((21, 6, 5, 4)).astype(np.float32)  # a fourth class that has no pixel


def test_against_scikit_learn_from_memory_mapped_arrays_in_chunks(tmp_path: Path) -> None:
    np.save(tmp_path / "o.npy", OUTPUT)
    labels, confusion = s.read(MASKS, np.load(tmp_path / "o.npy", mmap_mode="r"), ignore=None)
    chosen = OUTPUT.argmax(-1)
    expected = sk.confusion_matrix(MASKS.ravel(), chosen.ravel(), labels=range(4))
    assert (confusion.sum(0) == expected).all()
    assert labels.sum() == MASKS.size
    iou = sk.jaccard_score(MASKS.ravel(), chosen.ravel(), average="macro", labels=range(4))
    assert s.mean_iou(labels, confusion) == pytest.approx(iou)
    assert s.pixel_accuracy(labels, confusion) == pytest.approx(sk.accuracy_score(MASKS.ravel(), chosen.ravel()))


def test_pixels_to_ignore_do_not_count_and_a_last_dimension_of_one_is_a_mask() -> None:
    masks = MASKS.copy()
    masks[:, 0] = 255
    labels, confusion = s.read(masks[..., None], OUTPUT, ignore=255)
    chosen = OUTPUT[:, 1:].argmax(-1)
    assert s.pixel_accuracy(labels, confusion) == pytest.approx((chosen == MASKS[:, 1:]).mean())


def test_one_score_decides_at_a_half() -> None:
    masks, output = np.array([[[0, 1]]]), np.array([[[[0.4], [0.5]]]])
    assert s.read(masks, output, ignore=None)[1].tolist() == [[[1, 0], [0, 1]]]


def test_a_class_that_does_not_occur_has_no_figure() -> None:
    matrix = np.array([[[4, 0, 0], [0, 2, 0], [0, 0, 0]]])
    assert s.mean_iou(matrix.sum(2), matrix) == 1.0
    assert s.details(matrix.sum(2), matrix, None)["per_class"]["iou"] == [1.0, 1.0, None]


def test_no_labelled_pixel_is_undefined() -> None:
    empty = np.zeros((2, 3, 3), np.int64)
    with pytest.raises(Undefined, match="no pixel is labelled"):
        s.mean_iou(empty.sum(2), empty)
    with pytest.raises(Undefined, match="NaN or infinity"):
        s.read(MASKS, np.full_like(OUTPUT, np.nan), ignore=None)


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(UserError, match="integer masks of the output's height and width are wanted"):
        s.read(MASKS[:, :3], OUTPUT, ignore=None)
    with pytest.raises(UserError, match="label 5 has no score"):
        s.read(MASKS + 3, OUTPUT, ignore=None)
