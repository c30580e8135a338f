"""One table drives the checks that hold for every metric; one that is not in the examples fails."""

from typing import Any

import numpy as np
import pytest

from pipeline.evaluation import statistics
from pipeline.evaluation.registry import METRICS

N = 120


def _classes(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    labels = rng.integers(0, 4, N)
    return labels, rng.dirichlet(np.ones(4), N) * 0.6 + 0.4 * np.eye(4)[labels] * rng.random((N, 1))


def _yes_no(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    labels = rng.integers(0, 2, N)
    return labels, np.clip(0.4 * labels + 0.6 * rng.random(N), 0, 1).round(2)


def _values(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    labels = rng.normal(size=(N, 2))
    return labels, labels + rng.normal(scale=0.3, size=(N, 2))


def _masks(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    confusion = rng.integers(0, 9, (N, 3, 3)) + 20 * np.eye(3, dtype=np.int64)
    return confusion.sum(2), confusion


def _perfect_classes() -> tuple[np.ndarray, np.ndarray]:
    labels = np.arange(N) % 4
    return labels, np.eye(4)[labels]


def _worst_classes() -> tuple[np.ndarray, np.ndarray]:
    labels = np.arange(N) % 4
    return labels, np.eye(4)[(labels + 1) % 4]


_LABELS = np.arange(N) % 2
_SEPARATED = _LABELS.astype(np.float64)
_TRUTH = np.stack([np.arange(N), np.arange(N) ** 2], 1).astype(np.float64)
_EYE = np.broadcast_to(np.eye(3, dtype=np.int64) * 7, (N, 3, 3))
_OFF = np.broadcast_to((1 - np.eye(3, dtype=np.int64)) * 7, (N, 3, 3))

# Example data, options, the figure of perfect and of the worst predictions.
EXAMPLES: dict[str, tuple[Any, dict[str, Any], Any, float, Any, float]] = {
    "accuracy": (_classes, {}, _perfect_classes(), 1.0, _worst_classes(), 0.0),
    "top_k_accuracy": (_classes, {"k": 1}, _perfect_classes(), 1.0, _worst_classes(), 0.0),
    "balanced_accuracy": (_classes, {}, _perfect_classes(), 1.0, _worst_classes(), 0.0),
    "macro_f1": (_classes, {}, _perfect_classes(), 1.0, _worst_classes(), 0.0),
    "log_loss": (_classes, {"floor": 1e-7}, _perfect_classes(), 0.0, _worst_classes(), -np.log(1e-7)),
    "calibration_error": (_classes, {"bins": 10}, _perfect_classes(), 0.0, _worst_classes(), 1.0),
    "roc_auc": (_yes_no, {}, (_LABELS, _SEPARATED), 1.0, (_LABELS, 1 - _SEPARATED), 0.0),
    # All positives behind all negatives: precision rises from 1/61 to 60/120 as they come in.
    "average_precision": (
        _yes_no,
        {},
        (_LABELS, _SEPARATED),
        1.0,
        (_LABELS, 1 - _SEPARATED + np.where(_LABELS == 1, -np.arange(N) / N, 0)),
        float(np.mean([k / (60 + k) for k in range(1, 61)])),
    ),
    # McClish: (1 + (0 - 0.02) / (0.2 - 0.02)) / 2.
    "partial_auc": (_yes_no, {"max_fpr": 0.2}, (_LABELS, _SEPARATED), 1.0, (_LABELS, 1 - _SEPARATED), (1 - 0.02 / 0.18) / 2),
    "f1": (_yes_no, {"threshold": 0.5}, (_LABELS, _SEPARATED), 1.0, (_LABELS, 1 - _SEPARATED), 0.0),
    "binary_accuracy": (_yes_no, {"threshold": 0.5}, (_LABELS, _SEPARATED), 1.0, (_LABELS, 1 - _SEPARATED), 0.0),
    "mae": (_values, {}, (_TRUTH, _TRUTH), 0.0, (_TRUTH, _TRUTH + 3), 3.0),
    "rmse": (_values, {}, (_TRUTH, _TRUTH), 0.0, (_TRUTH, _TRUTH - 3), 3.0),
    "r2": (_values, {}, (_TRUTH, _TRUTH), 1.0, (_TRUTH, np.broadcast_to(_TRUTH.mean(0), _TRUTH.shape)), 0.0),
    "mean_iou": (_masks, {}, (_EYE.sum(2), _EYE), 1.0, (_OFF.sum(2), _OFF), 0.0),
    "pixel_accuracy": (_masks, {}, (_EYE.sum(2), _EYE), 1.0, (_OFF.sum(2), _OFF), 0.0),
}


def test_every_metric_has_an_example() -> None:
    assert set(EXAMPLES) == set(METRICS)


@pytest.mark.parametrize("name", EXAMPLES)
def test_perfect_and_worst_predictions(name: str) -> None:
    _, options, perfect, best, worst, least = EXAMPLES[name]
    assert METRICS[name].compute(*perfect, **options) == pytest.approx(best, abs=1e-6)
    assert METRICS[name].compute(*worst, **options) == pytest.approx(least, rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_order_of_samples_does_not_matter(name: str) -> None:
    make, options, *_ = EXAMPLES[name]
    rng = np.random.default_rng(3)
    labels, scores = make(rng)
    order = rng.permutation(N)
    shuffled = METRICS[name].compute(labels[order], scores[order], **options)
    assert shuffled == pytest.approx(METRICS[name].compute(labels, scores, **options), rel=1e-12)


@pytest.mark.parametrize("name", EXAMPLES)
def test_resampled_figures_equal_those_computed_on_the_resampled_rows(name: str) -> None:
    """`compute` on really repeated rows (scikit-learn for most) is the oracle of the shorter way; so sums are accumulated."""
    make, options, *_ = EXAMPLES[name]
    labels, scores = make(np.random.default_rng(5))
    metric = METRICS[name]
    counts = next(statistics.resamples(N, count=6, seed=1))
    assert metric.resampled is not None
    expected = statistics.by_rows(lambda rows: metric.compute(labels[rows], scores[rows], **options), counts)
    np.testing.assert_allclose(metric.resampled(labels, scores, counts, **options), expected, rtol=1e-9)


@pytest.mark.parametrize("name", [name for name, metric in METRICS.items() if metric.correct is not None])
def test_a_share_of_right_decisions_is_the_mean_of_its_decisions(name: str) -> None:
    make, options, *_ = EXAMPLES[name]
    labels, scores = make(np.random.default_rng(7))
    metric = METRICS[name]
    assert metric.correct is not None
    assert metric.correct(labels, scores, **options).mean() == pytest.approx(metric.compute(labels, scores, **options))
