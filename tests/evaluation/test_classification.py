import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from pipeline.errors import UserError
from pipeline.evaluation import classification as c
from pipeline.evaluation.metric_type import Undefined

RNG = np.random.default_rng(0)
LABELS = RNG.integers(0, 5, 300)
SCORES = RNG.dirichlet(np.ones(5), 300)


def test_against_scikit_learn() -> None:
    chosen = SCORES.argmax(1)
    assert c.accuracy(LABELS, SCORES) == sk.accuracy_score(LABELS, chosen)
    assert c.top_k_accuracy(LABELS, SCORES, k=3) == sk.top_k_accuracy_score(LABELS, SCORES, k=3)
    assert c.balanced_accuracy(LABELS, SCORES) == sk.balanced_accuracy_score(LABELS, chosen)
    assert c.macro_f1(LABELS, SCORES) == sk.f1_score(LABELS, chosen, average="macro")
    assert c.log_loss(LABELS, SCORES, floor=1e-12) == pytest.approx(sk.log_loss(LABELS, SCORES))


def test_by_hand() -> None:
    labels = np.array([0, 0, 1, 2])
    scores = np.array([[0.7, 0.2, 0.1], [0.3, 0.4, 0.3], [0.1, 0.8, 0.1], [0.2, 0.5, 0.3]])
    # decisions 0 1 1 1: recalls 1/2, 1, 0; F1 2/3, 1/2, 0
    assert c.accuracy(labels, scores) == 0.5
    assert c.balanced_accuracy(labels, scores) == pytest.approx(0.5)
    assert c.macro_f1(labels, scores) == pytest.approx((2 / 3 + 1 / 2) / 3)
    assert c.top_k_accuracy(labels, scores, k=2) == 1.0
    assert c.log_loss(labels, scores, floor=1e-7) == pytest.approx(-np.log([0.7, 0.3, 0.8, 0.3]).mean())
    # bins (0, .5] and (.5, 1]: |(0 + 0) - (.4 + .5)| + |(1 + 1) - (.7 + .8)| over 4
    assert c.calibration_error(labels, scores, bins=2) == pytest.approx((0.9 + 0.5) / 4)


@settings(max_examples=50, deadline=None)
@given(st.integers(2, 6), st.integers(0, 10_000))
def test_among_equal_scores_the_first_wins_in_every_metric(classes: int, seed: int) -> None:
    """Integer files give many ties; accuracy and top-1 must not disagree about them."""
    rng = np.random.default_rng(seed)
    scores, labels = rng.integers(0, 3, (40, classes)) / 2, rng.integers(0, classes, 40)
    assert c.top_k_accuracy(labels, scores, k=1) == c.accuracy(labels, scores)
    for k in range(1, classes):
        assert c.in_top_k(labels, scores, k=k).mean() == pytest.approx(c.top_k_accuracy(labels, scores, k=k))


def test_rows_that_miss_the_sum_of_one_by_rounding_are_brought_to_it() -> None:
    assert c.log_loss(LABELS, SCORES * 0.97, floor=1e-12) == pytest.approx(c.log_loss(LABELS, SCORES, floor=1e-12))


def test_logits_become_probabilities_without_overflow() -> None:
    logits = np.log(SCORES) + 2000.0
    _, scores = c.read(LABELS, logits, logits=True)
    np.testing.assert_allclose(scores, SCORES, rtol=1e-9)


def test_undefined_figures_are_not_numbers() -> None:
    one = np.zeros(10, np.int64)
    with pytest.raises(Undefined, match="only one class among the labels"):
        c.balanced_accuracy(one, SCORES[:10])
    with pytest.raises(Undefined, match="no probabilities"):
        c.log_loss(LABELS, SCORES - 1, floor=1e-7)
    with pytest.raises(Undefined, match="3 samples have probability 0 for every class"):
        c.calibration_error(LABELS[:3], np.zeros((3, 5)), bins=5)


def test_figures_of_a_class_that_does_not_occur_are_none() -> None:
    labels, scores = np.array([0, 0, 1]), np.eye(3)[[0, 1, 1]]
    found = c.details(labels, scores, None)
    assert found["confusion"] == [[1, 1, 0], [0, 1, 0], [0, 0, 0]]
    assert found["per_class"]["recall"] == [0.5, 1.0, None]
    assert found["per_class"]["precision"] == [1.0, 0.5, None]
    assert found["per_class"]["support"] == [2, 1, 0]


def test_a_thousand_classes_are_no_square_of_a_thousand() -> None:
    labels = RNG.integers(0, 1000, 2000)
    scores = RNG.random((2000, 1000))
    resampled = c.METRICS["macro_f1"].resampled
    assert resampled is not None
    assert resampled(labels, scores, np.ones((3, 2000), np.int64)) == pytest.approx(c.macro_f1(labels, scores))
    found = c.details(labels, scores, None)
    assert "confusion" not in found
    assert len(found["per_class"]["recall"]) == 1000


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(UserError, match=r"label 7 has no score: the network's output is \[300, 5\]"):
        c.read(LABELS + 3, SCORES, logits=False)
    with pytest.raises(UserError, match=r"wants an output \[n, classes\], the network gives \[300, 1\]"):
        c.read(LABELS, SCORES[:, :1], logits=False)
    with pytest.raises(UserError, match="wants integer labels"):
        c.read(SCORES[:, 0], SCORES, logits=False)
    with pytest.raises(UserError, match="top_k_accuracy: k is 0; expected at least 1"):
        c.top_k_accuracy(LABELS, SCORES, k=0)


def test_two_classes_have_no_second_best() -> None:
    """The default task asks for the best two: of two classes that is undefined, and no reason to stop."""
    with pytest.raises(Undefined, match="k is 2: with 2 classes every answer is right"):
        c.top_k_accuracy(np.array([0, 1]), np.array([[0.6, 0.4], [0.3, 0.7]]), k=2)
