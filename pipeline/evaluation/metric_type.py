"""What a task metric is, and how the ones made of sums are resampled."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from pipeline.evaluation.studentized import Spread


class Undefined(Exception):
    """A figure that does not exist for these samples; the message says why. It is reported as null with that reason."""


def figure(metric: "Metric", labels: np.ndarray, scores: np.ndarray, **options: Any) -> float:
    """The metric, also a user's own.

    Raises:
        Undefined: when it is, or when what it gives is no finite number.
    """
    value = float(metric.compute(labels, scores, **options))
    if not np.isfinite(value):
        raise Undefined(f"the metric gave {value}")
    return value


class Metric(NamedTuple):
    """A task metric. `labels` and `scores` are what the head's task type makes of the data (see `tasks.TASK_TYPES`).

    Attributes:
        compute: (labels, scores, **options) to the figure, over all samples at once. May raise `Undefined`.
        task_types: names of `tasks.TASK_TYPES` it fits; None fits all.
        higher_is_better: otherwise lower is.
        points: the figure is a share of 1 and its differences are spoken of in percentage points.
        resampled: (labels, scores, counts [r, n], **options) to the figure of r resamples [r], in which sample j occurs
            counts[i, j] times; NaN where it is undefined. None: `compute` is called for each resample.
        correct: (labels, scores, **options) to bool [n], when the metric is the share of right decisions.
        spread: (labels, scores before, scores after, **options) to how the difference before - after varies, where that is known
            exactly; None: jackknife and bootstrap tell. May raise `Undefined`.
        decide: (scores, **options) to the decision int [n], when there is one.
    """

    compute: Callable[..., float]
    task_types: tuple[str, ...] | None = None
    higher_is_better: bool = True
    points: bool = True
    resampled: Callable[..., np.ndarray] | None = None
    correct: Callable[..., np.ndarray] | None = None
    spread: Callable[..., Spread] | None = None
    decide: Callable[..., np.ndarray] | None = None


def of_sums(terms: Callable[..., Any], finish: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> Callable[..., np.ndarray]:
    """Resampling of a metric that is a function of sums over samples.

    Args:
        terms: (labels, scores, **options) to what each sample adds, float64 [n, k], dense or sparse.
        finish: (sums [r, k], number of samples [r]) to the figure [r], NaN where it is undefined.
    """

    def resampled(labels: np.ndarray, scores: np.ndarray, counts: np.ndarray, **options: Any) -> np.ndarray:
        sums = np.asarray(counts.astype(np.float64) @ terms(labels, scores, **options))
        with np.errstate(divide="ignore", invalid="ignore"):
            return finish(sums, counts.sum(1))

    return resampled


def mean_of(terms: Callable[..., np.ndarray]) -> Callable[..., np.ndarray]:
    """Resampling of a metric that is the mean of one number for each sample, [n]."""
    return of_sums(lambda *given, **options: terms(*given, **options).astype(np.float64)[:, None], lambda s, n: s[:, 0] / n)
