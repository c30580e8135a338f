import numpy as np
import pytest
from sklearn.metrics import accuracy_score

from pipeline.lib import metrics

LABELS = np.array([0, 1, 2, 1])
SCORES = np.array([[0.9, 0.1, 0.0], [0.2, 0.7, 0.1], [0.5, 0.3, 0.2], [0.1, 0.8, 0.1]])


def test_accuracy_by_hand_and_by_scikit_learn() -> None:
    assert metrics.accuracy(LABELS, SCORES) == 0.75 == accuracy_score(LABELS, SCORES.argmax(1))
    np.testing.assert_array_equal(metrics.correct(LABELS, SCORES), [1, 1, 0, 1])


@pytest.mark.parametrize("name", metrics.METRICS)
def test_the_order_of_the_samples_does_not_matter(name: str) -> None:
    order = np.array([2, 0, 3, 1])
    metric = metrics.METRICS[name]
    assert metric.compute(LABELS[order], SCORES[order]) == metric.compute(LABELS, SCORES)
    if metric.per_sample is not None:
        assert metric.per_sample(LABELS, SCORES).mean() == metric.compute(LABELS, SCORES)
