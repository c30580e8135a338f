import numpy as np
import pytest
from sklearn import metrics as sk

from pipeline.errors import UserError
from pipeline.evaluation import binary as d
from pipeline.evaluation.metric_type import Undefined

RNG = np.random.default_rng(1)
LABELS = RNG.integers(0, 2, 200)
SCORES = np.clip(0.3 * LABELS + RNG.random(200) * 0.7, 0, 1).round(2)  # with ties
MANY = RNG.integers(0, 2, (150, 3))
MANY_SCORES = np.clip(0.2 * MANY + RNG.random((150, 3)) * 0.8, 0, 1)


def test_against_scikit_learn() -> None:
    assert d.roc_auc(LABELS, SCORES) == sk.roc_auc_score(LABELS, SCORES)
    assert d.partial_auc(LABELS, SCORES, max_fpr=0.15) == sk.roc_auc_score(LABELS, SCORES, max_fpr=0.15)
    assert d.average_precision(LABELS, SCORES) == sk.average_precision_score(LABELS, SCORES)
    assert d.f1(LABELS, SCORES, threshold=0.4) == sk.f1_score(LABELS, SCORES >= 0.4)
    assert d.binary_accuracy(LABELS, SCORES, threshold=0.4) == sk.accuracy_score(LABELS, SCORES >= 0.4)
    assert d.roc_auc(MANY, MANY_SCORES) == sk.roc_auc_score(MANY, MANY_SCORES, average="macro")
    assert d.f1(MANY, MANY_SCORES, threshold=0.5) == sk.f1_score(MANY, MANY_SCORES >= 0.5, average="macro")


def test_by_hand() -> None:
    labels, scores = np.array([0, 1, 0, 1]), np.array([0.1, 0.35, 0.4, 0.8])
    assert d.roc_auc(labels, scores) == 0.75  # 3 of 4 pairs are in order
    assert d.average_precision(labels, scores) == pytest.approx((1 + 2 / 3) / 2)
    assert d.f1(labels, scores, threshold=0.4) == 0.5


def test_undefined_figures_are_not_numbers() -> None:
    zeros, ones = np.zeros(5, np.int64), np.ones(5, np.int64)
    for labels in (zeros, ones):
        with pytest.raises(Undefined, match="only one class"):
            d.roc_auc(labels, SCORES[:5])
        with pytest.raises(Undefined, match="only one class"):
            d.partial_auc(labels, SCORES[:5], max_fpr=0.1)
    with pytest.raises(Undefined, match="no positive sample"):
        d.average_precision(zeros, SCORES[:5])
    with pytest.raises(Undefined, match="neither a positive sample nor a positive decision"):
        d.f1(zeros, np.zeros(5), threshold=0.5)
    lacking = np.hstack([MANY[:, :2], np.zeros((150, 1), np.int64)])
    with pytest.raises(Undefined, match="only one class"):
        d.roc_auc(lacking, MANY_SCORES)
    assert d.details_multilabel(lacking, MANY_SCORES, None)["per_class"]["roc_auc"][2] is None


@pytest.mark.parametrize("width", [None, 1, 2])
def test_one_score_or_one_for_each_of_two_classes(width: int | None) -> None:
    logits = np.log(SCORES.clip(0.01, 0.99) / (1 - SCORES.clip(0.01, 0.99)))
    output = logits if width is None else logits[:, None] if width == 1 else np.stack([np.zeros(200), logits], 1)
    labels, scores = d.read_binary(LABELS, output, logits=True)
    np.testing.assert_allclose(scores, SCORES.clip(0.01, 0.99), rtol=1e-9)
    assert labels.shape == (200,)


def test_reconstruction_error_over_more_than_one_chunk() -> None:
    original = RNG.normal(size=(600, 4, 3)).astype(np.float32)
    output = original + np.repeat(np.arange(600), 12).reshape(600, 4, 3)
    _, squared = d.read_anomaly(np.arange(600) % 2, output, {"x": original}, error="mean_squared", reconstructs=None)
    _, absolute = d.read_anomaly(np.arange(600) % 2, output, {"x": original}, error="mean_absolute", reconstructs="x")
    np.testing.assert_allclose(squared, np.arange(600.0) ** 2, rtol=1e-4)
    np.testing.assert_allclose(absolute, np.arange(600.0), rtol=1e-4)


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(UserError, match="binary: labels must be 0 or 1, the data has 2"):
        d.read_binary(LABELS + 1, SCORES, logits=False)
    with pytest.raises(UserError, match=r"binary: wants an output \[n, 1\] or \[n, 2\]"):
        d.read_binary(LABELS, np.zeros((200, 3)), logits=False)
    with pytest.raises(UserError, match=r"multilabel: labels are \[150, 3\], the output is \[150, 2\]"):
        d.read_multilabel(MANY, MANY_SCORES[:, :2], logits=False)
    with pytest.raises(UserError, match="a reconstruction has its shape"):
        d.read_anomaly(LABELS, np.zeros((200, 3)), {"x": np.zeros((200, 4))}, error="mean_squared", reconstructs=None)
    with pytest.raises(UserError, match="allowed: mean_absolute, mean_squared"):
        d.read_anomaly(LABELS, np.zeros((200, 3)), {"x": np.zeros((200, 3))}, error="square", reconstructs=None)
