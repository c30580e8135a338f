"""A class for every pixel, measured by confusion matrices: counting once is all the inference outputs are read for.

labels: pixels of each class in each sample, int64 [n, c]. scores: confusion matrix of each sample, int64 [n, c, c], rows
are the labels. Both come from `read`, which goes through memory-mapped arrays a few samples at a time.
"""

from typing import Any

import numpy as np

from pipeline.errors import UserError
from pipeline.evaluation.metric_type import Metric, Undefined, of_sums

TASK_TYPES = ("segmentation",)
_CHUNK = 8  # samples at a time


def read(labels: np.ndarray, output: np.ndarray, *, ignore: int | None) -> tuple[np.ndarray, np.ndarray]:
    """Count, for every sample, how often each class was taken for each other.

    Args:
        labels: masks of class numbers, integers [n, ...] or [n, ..., 1].
        output: scores [n, ..., c]; with c = 1 the score of class 1 against class 0, decided at 0.5.
        ignore: label of pixels that do not count.

    Returns:
        Pixels of each class [n, c] and confusion matrices [n, c, c].

    Raises:
        UserError: when the shapes do not fit, or a label has no score.
    """
    masks = labels[..., 0] if labels.ndim == output.ndim and labels.shape[-1] == 1 else labels
    if masks.shape != output.shape[:-1] or not np.issubdtype(masks.dtype, np.integer):
        raise UserError(
            f"segmentation: labels are {masks.dtype} {list(labels.shape)}, the output is {list(output.shape)}; "
            "integer masks of the output's height and width are wanted"
        )
    classes = max(2, output.shape[-1])
    confusion = np.empty((len(output), classes, classes), np.int64)
    for start in range(0, len(output), _CHUNK):
        scores, mask = np.asarray(output[start : start + _CHUNK]), np.asarray(masks[start : start + _CHUNK], np.int64)
        if not np.isfinite(scores).all():
            raise Undefined("NaN or infinity in the outputs")
        chosen = scores.argmax(-1) if output.shape[-1] > 1 else (scores[..., 0] >= 0.5).astype(np.int64)
        counted = np.ones(mask.shape, bool) if ignore is None else mask != ignore
        if (outside := mask[counted & ((mask < 0) | (mask >= classes))]).size:
            raise UserError(f"segmentation: label {outside[0]} has no score: the network's output is {list(output.shape)}")
        for row in range(len(scores)):
            pairs = mask[row][counted[row]] * classes + chosen[row][counted[row]]
            confusion[start + row] = np.bincount(pairs, minlength=classes * classes).reshape(classes, classes)
    return confusion.sum(2), confusion


def mean_iou(labels: np.ndarray, scores: np.ndarray) -> float:
    """Intersection over union of each class over all pixels, averaged over the classes that occur."""
    return _one(_iou_finish, scores, "no pixel is labelled")


def pixel_accuracy(labels: np.ndarray, scores: np.ndarray) -> float:
    """Share of pixels with the right class."""
    return _one(_pixel_finish, scores, "no pixel is labelled")


def details(labels: np.ndarray, scores: np.ndarray, decisions: np.ndarray | None) -> dict[str, Any]:
    """Confusion matrix over all pixels, and intersection over union and pixels of each class, None where it does not occur."""
    matrix = scores.sum(0)
    hits, union = np.diagonal(matrix), matrix.sum(0) + matrix.sum(1) - np.diagonal(matrix)
    iou = [float(hit / whole) if whole else None for hit, whole in zip(hits, union, strict=True)]
    return {"confusion": matrix.tolist(), "per_class": {"iou": iou, "support": matrix.sum(1).tolist()}}


def _terms(labels: np.ndarray, scores: np.ndarray) -> np.ndarray:
    return scores.reshape(len(scores), -1).astype(np.float64)


def _one(finish: Any, scores: np.ndarray, reason: str) -> float:
    with np.errstate(divide="ignore", invalid="ignore"):
        value = finish(_terms(scores, scores).sum(0, keepdims=True), np.array([len(scores)]))[0]
    if np.isnan(value):
        raise Undefined(reason)
    return float(value)


def _matrices(sums: np.ndarray) -> np.ndarray:
    classes = round(sums.shape[1] ** 0.5)
    return sums.reshape(-1, classes, classes)


def _iou_finish(sums: np.ndarray, n: np.ndarray) -> np.ndarray:
    matrix = _matrices(sums)
    hits = np.diagonal(matrix, axis1=1, axis2=2)
    union = matrix.sum(1) + matrix.sum(2) - hits
    return np.asarray(np.where(union > 0, hits / union, 0).sum(1) / (union > 0).sum(1))


def _pixel_finish(sums: np.ndarray, n: np.ndarray) -> np.ndarray:
    matrix = _matrices(sums)
    return np.asarray(np.trace(matrix, axis1=1, axis2=2) / matrix.sum((1, 2)))


METRICS: dict[str, Metric] = {
    "mean_iou": Metric(mean_iou, TASK_TYPES, resampled=of_sums(_terms, _iou_finish)),
    "pixel_accuracy": Metric(pixel_accuracy, TASK_TYPES, resampled=of_sums(_terms, _pixel_finish)),
}
