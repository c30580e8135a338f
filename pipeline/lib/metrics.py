"""Task metrics: one function and one row in `METRICS` each. scikit-learn is imported when one is computed, not before."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np


class Metric(NamedTuple):
    """A task metric.

    Attributes:
        compute: (labels [n], scores [n, ...]) to the figure, over all samples at once.
        higher_is_better: otherwise lower is.
        per_sample: (labels, scores) to one number for each sample [n], when the metric is their mean; 0 or 1 for decisions.
    """

    compute: Callable[[np.ndarray, np.ndarray], float]
    higher_is_better: bool = True
    per_sample: Callable[[np.ndarray, np.ndarray], np.ndarray] | None = None


def accuracy(labels: np.ndarray, scores: np.ndarray) -> float:
    """Share of samples whose largest score is at their label. Labels int [n], scores [n, c]."""
    from sklearn.metrics import accuracy_score

    return float(accuracy_score(labels, scores.argmax(-1)))


def correct(labels: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """1.0 where the largest score is at the label, else 0.0; float64 [n]. Labels int [n], scores [n, c]."""
    return (scores.argmax(-1) == labels).astype(np.float64)


METRICS: dict[str, Metric] = {"accuracy": Metric(accuracy, per_sample=correct)}
