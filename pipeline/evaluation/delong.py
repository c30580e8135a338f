"""How the difference of two areas under the ROC curve varies, without resampling."""

import numpy as np

from pipeline.evaluation.metric_type import Undefined
from pipeline.evaluation.studentized import Spread


def delong(labels: np.ndarray, before: np.ndarray, after: np.ndarray) -> Spread:
    """How the difference of two areas under the ROC curve of the same samples varies; of labels [n, c] that of their means.

    E. R. DeLong, D. M. DeLong and D. L. Clarke-Pearson, Comparing the areas under two or more correlated receiver operating
    characteristic curves, Biometrics 44, 1988, 837-845, with structural components from midranks (X. Sun and W. Xu, Fast
    implementation of DeLong's algorithm, IEEE Signal Processing Letters 21, 2014).

    Raises:
        Undefined: when a class has fewer than two samples.
    """
    columns = labels.reshape(len(labels), -1)
    fewest = int(min(columns.sum(0).min(), (1 - columns).sum(0).min()))
    if fewest < 2:
        raise Undefined("a class has fewer than 2 samples: too few for an interval")
    n, count = columns.shape
    total = np.zeros(n)
    for i, (first, second) in enumerate(zip(before.reshape(n, -1).T, after.reshape(n, -1).T, strict=True)):
        difference = _placements(columns[:, i], first) - _placements(columns[:, i], second)
        for label in (0, 1):
            rows = columns[:, i] == label
            size = int(rows.sum())
            # So that the sum of squares over n^2 is the variance of the class's mean.
            total[rows] += n / np.sqrt(size * (size - 1)) * (difference[rows] - difference[rows].mean())
    return Spread(total / count, fewest - 1)


def _placements(labels: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """For each sample the share of the other class's that it is on the right side of, equals counting half: float64 [n]."""
    from scipy.stats import rankdata

    yes = labels == 1
    ranks, placed = rankdata(scores), np.empty(len(scores))
    placed[yes] = (ranks[yes] - rankdata(scores[yes])) / (~yes).sum()
    placed[~yes] = 1 - (ranks[~yes] - rankdata(scores[~yes])) / yes.sum()
    return placed
