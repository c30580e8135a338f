"""One of several classes: labels int64 [n], scores float64 [n, c], the largest score decides and the first of equals wins."""

from typing import Any

import numpy as np

from pipeline.errors import UserError
from pipeline.evaluation.metric_type import Metric, Undefined, mean_of, of_sums

TASK_TYPES = ("classification",)
# A confusion matrix of more classes is a large file that nobody reads.
MOST_CONFUSED = 100


def read(labels: np.ndarray, output: np.ndarray, *, logits: bool) -> tuple[np.ndarray, np.ndarray]:
    """Labels and scores of an output.

    Args:
        labels: class of each sample, integers [n] or [n, 1].
        output: [n, c], c at least 2.
        logits: the output is unnormalised: softmax makes probabilities of it.

    Returns:
        Labels int64 [n] and scores float64 [n, c].

    Raises:
        UserError: when they do not have these shapes, or a label has no score.
    """
    if output.ndim != 2 or output.shape[1] < 2:
        raise UserError(f"classification: wants an output [n, classes], the network gives {list(output.shape)}; see task.heads")
    if not np.issubdtype(labels.dtype, np.integer) or labels.size != len(labels):
        raise UserError(
            f"classification: wants integer labels [n], the data has {labels.dtype} {list(labels.shape)}; see task.heads"
        )
    target = np.asarray(labels).reshape(-1).astype(np.int64)
    if target.min() < 0 or target.max() >= output.shape[1]:
        wrong = target.max() if target.max() >= output.shape[1] else target.min()
        raise UserError(f"classification: label {wrong} has no score: the network's output is {list(output.shape)}")
    scores = np.asarray(output, np.float64)
    if logits:
        with np.errstate(invalid="ignore"):  # infinity becomes NaN, which `tasks.finite` reports
            scores = np.exp(scores - scores.max(1, keepdims=True))
        scores /= scores.sum(1, keepdims=True)
    return target, scores


def decide(scores: np.ndarray) -> np.ndarray:
    """The class with the largest score, int [n]."""
    return scores.argmax(1)


def accuracy(labels: np.ndarray, scores: np.ndarray) -> float:
    """Share of samples whose largest score is at their label."""
    from sklearn.metrics import accuracy_score

    return float(accuracy_score(labels, decide(scores)))


def correct(labels: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Whether the largest score is at the label, bool [n]."""
    return decide(scores) == labels


def top_k_accuracy(labels: np.ndarray, scores: np.ndarray, *, k: int) -> float:
    """Share of samples with their label among the k largest scores.

    Raises:
        UserError: when k is less than 1.
        Undefined: when k is not below the number of classes, as then every answer is right; the default task has k = 2.
    """
    from sklearn.metrics import top_k_accuracy_score

    classes = scores.shape[1]
    if k < 1:
        raise UserError(f"task: top_k_accuracy: k is {k}; expected at least 1")
    if k >= classes:
        raise Undefined(f"k is {k}: with {classes} classes every answer is right")
    # scikit-learn lets the last of equal scores win, argmax the first; mirrored, the two agree (integer files have many ties).
    target, mirrored = classes - 1 - labels, scores[:, ::-1]
    if classes == 2:
        return accuracy(labels, scores)  # where scikit-learn wants one score a sample
    return float(top_k_accuracy_score(target, mirrored, k=k, labels=range(classes)))


def in_top_k(labels: np.ndarray, scores: np.ndarray, *, k: int) -> np.ndarray:
    """Whether the label is among the k largest scores, bool [n]: fewer than k are larger, or equal and further in front."""
    own = np.take_along_axis(scores, labels[:, None], 1)
    in_front = np.arange(scores.shape[1])[None] < labels[:, None]
    return ((scores > own) | ((scores == own) & in_front)).sum(1) < k


def balanced_accuracy(labels: np.ndarray, scores: np.ndarray) -> float:
    """Mean recall over the classes that have samples."""
    from sklearn.metrics import recall_score

    present = np.unique(labels)
    if len(present) < 2:
        raise Undefined("only one class among the labels")
    return float(recall_score(labels, decide(scores), labels=present, average="macro"))


def macro_f1(labels: np.ndarray, scores: np.ndarray) -> float:
    """Mean F1 over the classes that occur among labels or decisions."""
    from sklearn.metrics import f1_score

    return float(f1_score(labels, decide(scores), average="macro"))


def log_loss(labels: np.ndarray, scores: np.ndarray, *, floor: float) -> float:
    """Mean -log of the probability given to the label, in nats.

    Args:
        labels: int [n].
        scores: probabilities [n, c]; rows are brought to the sum 1, which integer files miss by rounding.
        floor: the least probability, as an integer file gives exactly 0 to what is below half a step.
    """
    from sklearn.metrics import log_loss as loss

    return float(loss(labels, _floored(scores, floor), labels=range(scores.shape[1])))


def calibration_error(labels: np.ndarray, scores: np.ndarray, *, bins: int) -> float:
    """Expected calibration error: mean distance of confidence and accuracy over equal bins of confidence.

    Guo et al., On Calibration of Modern Neural Networks, 2017, equation 3. scikit-learn has none.
    """
    sums = _calibration_terms(labels, scores, bins=bins).sum(0, keepdims=True)
    return float(_calibration_finish(sums, np.array([len(labels)]))[0])


def details(labels: np.ndarray, scores: np.ndarray, decisions: np.ndarray | None) -> dict[str, Any]:
    """Confusion matrix [c][c] (rows: labels; up to `MOST_CONFUSED` classes) and precision, recall, F1 and support of each class,
    None where undefined."""
    from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

    classes = range(scores.shape[1])
    chosen = decide(scores)
    figures = precision_recall_fscore_support(labels, chosen, labels=classes, zero_division=np.nan)
    few = len(classes) <= MOST_CONFUSED
    return ({"confusion": confusion_matrix(labels, chosen, labels=classes).tolist()} if few else {}) | {
        "per_class": {
            name: [None if np.isnan(value) else float(value) for value in figure]
            for name, figure in zip(("precision", "recall", "f1"), figures, strict=False)
        }
        | {"support": [int(count) for count in figures[3]]},
    }


def probabilities(scores: np.ndarray) -> np.ndarray:
    """Scores [n, c] with rows of the sum 1.

    Raises:
        Undefined: when they are no probabilities.
    """
    if scores.min() < 0 or scores.max() > 1 + 1e-3:
        raise Undefined("the outputs are no probabilities; set task_type.options.logits to true when they are logits")
    totals = scores.sum(1, keepdims=True)
    if (totals == 0).any():
        raise Undefined(f"{int((totals == 0).sum())} samples have probability 0 for every class")
    return scores / totals


def _floored(scores: np.ndarray, floor: float) -> np.ndarray:
    clipped = np.clip(probabilities(scores), floor, 1)
    return clipped / clipped.sum(1, keepdims=True)


def _losses(labels: np.ndarray, scores: np.ndarray, *, floor: float) -> np.ndarray:
    return -np.log(np.take_along_axis(_floored(scores, floor), labels[:, None], 1)[:, 0])


def _calibration_terms(labels: np.ndarray, scores: np.ndarray, *, bins: int) -> np.ndarray:
    """For each sample in its bin of confidence: right (1 or 0) minus confidence, [n, bins]."""
    confidence = probabilities(scores).max(1)
    # Bins are closed above, as in the paper: (0, 1/bins], (1/bins, 2/bins], ...
    number = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    terms = np.zeros((len(labels), bins))
    terms[np.arange(len(labels)), number] = correct(labels, scores) - confidence
    return terms


def _calibration_finish(sums: np.ndarray, n: np.ndarray) -> np.ndarray:
    return np.abs(sums).sum(1) / n


def _class_terms(labels: np.ndarray, scores: np.ndarray) -> Any:
    """Whether a sample is a hit, a label and a decision of each class: sparse [n, 3 * c], two or three ones in each row."""
    from scipy.sparse import csr_array

    classes, chosen = scores.shape[1], decide(scores)
    hits = np.flatnonzero(chosen == labels)
    rows = np.concatenate([hits, np.arange(len(labels)), np.arange(len(labels))])
    columns = np.concatenate([labels[hits], classes + labels, 2 * classes + chosen])
    return csr_array((np.ones(len(rows)), (rows, columns)), shape=(len(labels), 3 * classes))


def _split(sums: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Hits, labels and decisions of each class, [r, c] each."""
    hits, real, chosen = np.split(sums, 3, axis=1)
    return hits, real, chosen


def _balanced_finish(sums: np.ndarray, n: np.ndarray) -> np.ndarray:
    hits, real, _ = _split(sums)
    present = real > 0
    mean = np.where(present, hits / real, 0).sum(1) / present.sum(1)
    return np.where(present.sum(1) > 1, mean, np.nan)


def _f1_finish(sums: np.ndarray, n: np.ndarray) -> np.ndarray:
    hits, real, chosen = _split(sums)
    occurs = real + chosen > 0
    return np.where(occurs, 2 * hits / (real + chosen), 0).sum(1) / occurs.sum(1)


METRICS: dict[str, Metric] = {
    "accuracy": Metric(accuracy, TASK_TYPES, resampled=mean_of(correct), correct=correct, decide=decide),
    "top_k_accuracy": Metric(top_k_accuracy, TASK_TYPES, resampled=mean_of(in_top_k), correct=in_top_k),
    "balanced_accuracy": Metric(balanced_accuracy, TASK_TYPES, resampled=of_sums(_class_terms, _balanced_finish), decide=decide),
    "macro_f1": Metric(macro_f1, TASK_TYPES, resampled=of_sums(_class_terms, _f1_finish), decide=decide),
    "log_loss": Metric(log_loss, TASK_TYPES, higher_is_better=False, points=False, resampled=mean_of(_losses)),
    "calibration_error": Metric(
        calibration_error, TASK_TYPES, higher_is_better=False, resampled=of_sums(_calibration_terms, _calibration_finish)
    ),
}
