"""Real values: labels float64 [n, d] and predictions float64 [n, d]. With several values the mean of their figures."""

from typing import Any

import numpy as np

from pipeline.errors import UserError
from pipeline.evaluation.metric_type import Metric, Undefined, of_sums

TASK_TYPES = ("regression",)


def read(labels: np.ndarray, output: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Labels and predictions as float64 [n, d].

    Raises:
        UserError: when they differ in shape, or a label is not finite.
    """
    target = np.asarray(labels, np.float64).reshape(len(labels), -1)
    predicted = np.asarray(output, np.float64).reshape(len(output), -1)
    if target.shape != predicted.shape:
        raise UserError(f"regression: labels are {list(labels.shape)}, the output is {list(output.shape)}; see task.heads")
    if not np.isfinite(target).all():
        raise UserError("regression: a label is NaN or infinite; remove the sample or fix the data")
    return target, predicted


def mae(labels: np.ndarray, scores: np.ndarray) -> float:
    """Mean absolute error, in the labels' unit."""
    from sklearn.metrics import mean_absolute_error

    return float(mean_absolute_error(labels, scores))


def rmse(labels: np.ndarray, scores: np.ndarray) -> float:
    """Root of the mean squared error, in the labels' unit."""
    from sklearn.metrics import root_mean_squared_error

    return float(root_mean_squared_error(labels, scores))


def r2(labels: np.ndarray, scores: np.ndarray) -> float:
    """Coefficient of determination: share of the labels' variance that is explained."""
    from sklearn.metrics import r2_score

    if (np.ptp(labels, axis=0) == 0).any():
        raise Undefined("the labels have zero variance")
    return float(r2_score(labels, scores))


def details(labels: np.ndarray, scores: np.ndarray, decisions: np.ndarray | None) -> dict[str, Any]:
    """Mean absolute error and bias (mean of prediction minus label) of each value."""
    difference = scores - labels
    return {"per_value": {"mae": np.abs(difference).mean(0).tolist(), "bias": difference.mean(0).tolist()}}


def _squares(labels: np.ndarray, scores: np.ndarray) -> np.ndarray:
    return (scores - labels) ** 2


def _r2_terms(labels: np.ndarray, scores: np.ndarray) -> np.ndarray:
    # Around the mean, so that sum of squares minus square of the sum loses no digits.
    centred = labels - labels.mean(0)
    return np.hstack([_squares(labels, scores), centred, centred**2])


def _r2_finish(sums: np.ndarray, n: np.ndarray) -> np.ndarray:
    residual, total, square = np.split(sums, 3, axis=1)
    variance = square - total**2 / n[:, None]
    return np.where(variance > 1e-12 * np.maximum(square, 1e-300), 1 - residual / variance, np.nan).mean(1)


METRICS: dict[str, Metric] = {
    "mae": Metric(
        mae,
        TASK_TYPES,
        higher_is_better=False,
        points=False,
        resampled=of_sums(lambda labels, scores: np.abs(scores - labels), lambda sums, n: (sums / n[:, None]).mean(1)),
    ),
    "rmse": Metric(
        rmse,
        TASK_TYPES,
        higher_is_better=False,
        points=False,
        resampled=of_sums(_squares, lambda sums, n: np.sqrt(sums / n[:, None]).mean(1)),
    ),
    "r2": Metric(r2, TASK_TYPES, points=False, resampled=of_sums(_r2_terms, _r2_finish)),
}
