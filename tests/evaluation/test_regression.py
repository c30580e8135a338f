import numpy as np
import pytest
from sklearn import metrics as sk

from pipeline.errors import UserError
from pipeline.evaluation import regression as r
from pipeline.evaluation.metric_type import Undefined


def test_against_scikit_learn() -> None:
    rng = np.random.default_rng(2)
    labels = rng.normal(size=(80, 3))
    scores = labels + rng.normal(size=(80, 3))
    assert r.mae(labels, scores) == sk.mean_absolute_error(labels, scores)
    assert r.rmse(labels, scores) == sk.root_mean_squared_error(labels, scores)
    assert r.r2(labels, scores) == sk.r2_score(labels, scores)


def test_by_hand() -> None:
    labels, scores = np.array([[1.0], [2.0], [6.0]]), np.array([[1.0], [4.0], [5.0]])
    assert r.mae(labels, scores) == 1.0
    assert r.rmse(labels, scores) == pytest.approx((5 / 3) ** 0.5)
    assert r.r2(labels, scores) == pytest.approx(1 - 5 / 14)  # around the mean 3: 4 + 1 + 9
    assert r.details(labels, scores, None) == {"per_value": {"mae": [1.0], "bias": [pytest.approx(1 / 3)]}}


def test_zero_variance_is_undefined() -> None:
    constant = np.full((9, 1), 4.0)
    with pytest.raises(Undefined, match="the labels have zero variance"):
        r.r2(constant, constant + 1)
    resampled = r.METRICS["r2"].resampled
    assert resampled is not None
    labels = np.array([[1.0], [2.0], [3.0]])
    counts = np.array([[3, 0, 0], [1, 1, 1]])
    figures = resampled(labels, labels + 0.1, counts)
    assert np.isnan(figures[0])
    assert figures[1] == pytest.approx(1 - 0.03 / 2)


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(UserError, match=r"labels are \[4\], the output is \[4, 2\]"):
        r.read(np.zeros(4), np.zeros((4, 2)))
    with pytest.raises(UserError, match="a label is NaN or infinite"):
        r.read(np.array([1.0, np.nan]), np.zeros((2, 1)))
