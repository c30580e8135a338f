"""Yes or no: labels 0 or 1, int64 [n], and a score float64 [n] that is larger for yes; or both [n, c] for c labels at once.

Serves binary and multi-label classification, and anomaly detection, where the score is the reconstruction error.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from pipeline.errors import UserError, one_of
from pipeline.evaluation.delong import delong
from pipeline.evaluation.metric_type import Metric, Undefined
from pipeline.evaluation.pick_one import only

RANKED = ("binary", "multilabel", "anomaly")
DECIDED = ("binary", "multilabel")
_ERRORS = {"mean_squared": np.square, "mean_absolute": np.abs}
_CHUNK = 256  # samples of a memory-mapped array at a time


def read_binary(labels: np.ndarray, output: np.ndarray, *, logits: bool) -> tuple[np.ndarray, np.ndarray]:
    """Labels int64 [n] and the score of yes float64 [n], from an output [n], [n, 1] or [n, 2] (the second is yes).

    Raises:
        UserError: when shapes or labels are others.
    """
    scores = np.asarray(output, np.float64).reshape(len(output), -1)
    if scores.shape[1] > 2:
        raise UserError(f"binary: wants an output [n, 1] or [n, 2], the network gives {list(output.shape)}; see task.heads")
    target = _zero_or_one(labels, "binary").reshape(len(labels), -1)
    if target.shape[1] != 1:
        raise UserError(f"binary: wants labels [n], the data has {list(labels.shape)}; see task.heads")
    if scores.shape[1] == 2:
        # softmax of two is the logistic function of their difference.
        return target[:, 0], _logistic(scores[:, 1] - scores[:, 0]) if logits else scores[:, 1]
    return target[:, 0], _logistic(scores[:, 0]) if logits else scores[:, 0]


def read_multilabel(labels: np.ndarray, output: np.ndarray, *, logits: bool) -> tuple[np.ndarray, np.ndarray]:
    """Labels int64 [n, c] and scores float64 [n, c] from an output of that shape.

    Raises:
        UserError: when shapes or labels are others.
    """
    target = _zero_or_one(labels, "multilabel")
    if output.ndim != 2 or target.shape != output.shape:
        raise UserError(
            f"multilabel: labels are {list(labels.shape)}, the output is {list(output.shape)}; both must be [n, labels]"
        )
    scores = np.asarray(output, np.float64)
    return target, _logistic(scores) if logits else scores


def read_anomaly(
    labels: np.ndarray, output: np.ndarray, inputs: Mapping[str, np.ndarray], *, error: str, reconstructs: str | None
) -> tuple[np.ndarray, np.ndarray]:
    """Labels int64 [n] (1: anomalous) and the reconstruction error float64 [n].

    Args:
        labels: 0 or 1 [n].
        output: reconstruction [n, ...], read in chunks.
        inputs: of the network, [n, ...] by name.
        error: "mean_squared" or "mean_absolute" over a sample's values.
        reconstructs: the input that is reconstructed; None: the only one.

    Raises:
        UserError: when shapes, labels or names are others.
    """
    one_of(error, _ERRORS, where="task.heads: task_type.options.error")
    original = only(inputs, reconstructs, where="task.heads: task_type.options.reconstructs")
    target = _zero_or_one(labels, "anomaly").reshape(len(labels), -1)
    if target.shape[1] != 1:
        raise UserError(f"anomaly: wants labels [n], the data has {list(labels.shape)}; see task.heads")
    if output.shape != original.shape:
        raise UserError(
            f"anomaly: the output is {list(output.shape)}, the input {list(original.shape)}; a reconstruction has its shape"
        )
    scores = np.empty(len(output))
    for start in range(0, len(output), _CHUNK):
        rows = slice(start, start + _CHUNK)
        difference = np.asarray(output[rows], np.float64) - np.asarray(original[rows], np.float64)
        scores[rows] = _ERRORS[error](difference).reshape(len(difference), -1).mean(1)
    return target[:, 0], scores


def roc_auc(labels: np.ndarray, scores: np.ndarray) -> float:
    """Area under the ROC curve; the mean over labels [n, c]."""
    from sklearn.metrics import roc_auc_score

    _both_classes(labels)
    return float(roc_auc_score(labels, scores))


def average_precision(labels: np.ndarray, scores: np.ndarray) -> float:
    """Area under the precision-recall curve as a step function; the mean over labels [n, c]."""
    from sklearn.metrics import average_precision_score

    if (labels.reshape(len(labels), -1).sum(0) == 0).any():
        raise Undefined("no positive sample among the labels")
    return float(average_precision_score(labels, scores))


def partial_auc(labels: np.ndarray, scores: np.ndarray, *, max_fpr: float) -> float:
    """Area under the ROC curve up to a false positive rate, standardised to 0.5 for chance (McClish 1989)."""
    from sklearn.metrics import roc_auc_score

    _both_classes(labels)
    return float(roc_auc_score(labels, scores, max_fpr=max_fpr))


def decide(scores: np.ndarray, *, threshold: float) -> np.ndarray:
    """Yes (1) where the score reaches the threshold, int [n] or [n, c]."""
    return (scores >= threshold).astype(np.int64)


def f1(labels: np.ndarray, scores: np.ndarray, *, threshold: float) -> float:
    """Harmonic mean of precision and recall of yes; the mean over labels [n, c]."""
    from sklearn.metrics import f1_score

    value = f1_score(
        labels, decide(scores, threshold=threshold), average="binary" if labels.ndim == 1 else "macro", zero_division=np.nan
    )
    if (
        np.isnan(value)
        or not (labels.reshape(len(labels), -1) | decide(scores, threshold=threshold).reshape(len(labels), -1)).any(0).all()
    ):
        raise Undefined("neither a positive sample nor a positive decision")
    return float(value)


def binary_accuracy(labels: np.ndarray, scores: np.ndarray, *, threshold: float) -> float:
    """Share of right decisions."""
    from sklearn.metrics import accuracy_score

    return float(accuracy_score(labels, decide(scores, threshold=threshold)))


def correct(labels: np.ndarray, scores: np.ndarray, *, threshold: float) -> np.ndarray:
    """Whether the decision is right, bool [n]; with several labels, whether all are."""
    return (decide(scores, threshold=threshold) == labels).reshape(len(labels), -1).all(1)


def details_binary(labels: np.ndarray, scores: np.ndarray, decisions: np.ndarray | None) -> dict[str, Any]:
    """Confusion matrix [2][2] of the decisions (rows: labels), when the head has a metric with a threshold."""
    from sklearn.metrics import confusion_matrix

    return {} if decisions is None else {"confusion": confusion_matrix(labels, decisions, labels=[0, 1]).tolist()}


def details_multilabel(labels: np.ndarray, scores: np.ndarray, decisions: np.ndarray | None) -> dict[str, Any]:
    """ROC AUC, average precision and number of positives of each label, None where undefined."""

    def each(compute: Any) -> list[float | None]:
        found: list[float | None] = []
        for column in range(labels.shape[1]):
            try:
                found.append(compute(labels[:, column], scores[:, column]))
            except Undefined:
                found.append(None)
        return found

    support = [int(count) for count in labels.sum(0)]
    return {"per_class": {"roc_auc": each(roc_auc), "average_precision": each(average_precision), "support": support}}


def _zero_or_one(labels: np.ndarray, kind: str) -> np.ndarray:
    target = np.asarray(labels)
    if not np.isin(target, (0, 1)).all():
        raise UserError(f"{kind}: labels must be 0 or 1, the data has {np.setdiff1d(target, (0, 1))[0]}; see task.heads")
    return target.astype(np.int64)


def _both_classes(labels: np.ndarray) -> None:
    if any(len(np.unique(column)) < 2 for column in labels.reshape(len(labels), -1).T):
        raise Undefined("only one class among the labels")


def _logistic(values: np.ndarray) -> np.ndarray:
    from scipy.special import expit

    return np.asarray(expit(values))


def _curve(labels: np.ndarray, scores: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Yes and no samples at or above each distinct score, falling, in every resample: [r, m] and [r, m]."""
    order = np.argsort(-scores, kind="stable")
    last = np.append(np.flatnonzero(np.diff(scores[order])), len(order) - 1)
    drawn = counts[:, order].astype(np.float64)
    yes = labels[order].astype(np.float64)
    return np.cumsum(drawn * yes, 1)[:, last], np.cumsum(drawn * (1 - yes), 1)[:, last]


def _by_label(figure: Any) -> Any:
    """The mean of a resampled figure over labels [n, c]."""

    def resampled(labels: np.ndarray, scores: np.ndarray, counts: np.ndarray, **options: Any) -> np.ndarray:
        with np.errstate(divide="ignore", invalid="ignore"):
            if labels.ndim == 1:
                return np.asarray(figure(labels, scores, counts, **options))
            columns = [figure(labels[:, i], scores[:, i], counts, **options) for i in range(labels.shape[1])]
            return np.asarray(np.mean(columns, 0))

    return resampled


def _auc(labels: np.ndarray, scores: np.ndarray, counts: np.ndarray) -> np.ndarray:
    hits, alarms = _curve(labels, scores, counts)
    hits, alarms = np.pad(hits, ((0, 0), (1, 0))), np.pad(alarms, ((0, 0), (1, 0)))
    area = (np.diff(alarms, axis=1) * (hits[:, 1:] + hits[:, :-1]) / 2).sum(1)
    return area / (hits[:, -1] * alarms[:, -1])


def _average_precision(labels: np.ndarray, scores: np.ndarray, counts: np.ndarray) -> np.ndarray:
    hits, alarms = _curve(labels, scores, counts)
    gained = np.diff(hits, axis=1, prepend=0)
    precision = np.divide(hits, hits + alarms, out=np.zeros_like(hits), where=hits + alarms > 0)
    return (gained * precision).sum(1) / hits[:, -1]


def _partial_auc(labels: np.ndarray, scores: np.ndarray, counts: np.ndarray, *, max_fpr: float) -> np.ndarray:
    hits, alarms = _curve(labels, scores, counts)
    figures = np.full(len(counts), np.nan)
    for row, (hit, alarm) in enumerate(zip(hits, alarms, strict=True)):
        if hit[-1] == 0 or alarm[-1] == 0:
            continue
        fpr, tpr = np.append(0, alarm / alarm[-1]), np.append(0, hit / hit[-1])
        inside = int(np.searchsorted(fpr, max_fpr, "right"))
        edge = np.interp(max_fpr, fpr[inside - 1 : inside + 1], tpr[inside - 1 : inside + 1])
        area = np.trapezoid(np.append(tpr[:inside], edge), np.append(fpr[:inside], max_fpr))
        least = max_fpr**2 / 2
        figures[row] = (1 + (area - least) / (max_fpr - least)) / 2
    return figures


def _f1(labels: np.ndarray, scores: np.ndarray, counts: np.ndarray, *, threshold: float) -> np.ndarray:
    chosen = decide(scores, threshold=threshold)
    drawn = counts.astype(np.float64)
    return 2 * (drawn @ (labels & chosen)) / (drawn @ (labels + chosen))


def _binary_accuracy(labels: np.ndarray, scores: np.ndarray, counts: np.ndarray, *, threshold: float) -> np.ndarray:
    return np.asarray(counts.astype(np.float64) @ correct(labels, scores, threshold=threshold) / counts.sum(1))


METRICS: dict[str, Metric] = {
    "roc_auc": Metric(roc_auc, RANKED, resampled=_by_label(_auc), spread=delong),
    "average_precision": Metric(average_precision, RANKED, resampled=_by_label(_average_precision)),
    "partial_auc": Metric(partial_auc, ("binary", "anomaly"), resampled=_by_label(_partial_auc)),
    "f1": Metric(f1, DECIDED, resampled=_by_label(_f1), decide=decide),
    "binary_accuracy": Metric(binary_accuracy, DECIDED, resampled=_binary_accuracy, correct=correct, decide=decide),
}
