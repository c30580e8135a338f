"""What an output decides: a class, yes or no, a class for each pixel. Which decisions of a file differ, and how close they were."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from pipeline.verification import fidelity


@dataclass(frozen=True, kw_only=True)
class Decision:
    """How an output is turned into decisions.

    Attributes:
        kind: "largest" of the last dimension, or each value against a "threshold".
        threshold: as a probability; a value that reaches it is yes.
        logits: the output is the logarithm of odds.
        pair: two values of the last dimension are no and yes, one decision.
    """

    kind: Literal["largest", "threshold"]
    threshold: float = 0.5
    logits: bool = False
    pair: bool = False


# How the task types of conf/task/ decide; the others decide nothing: an error or a value is as good as it is near.
_LARGEST, _THRESHOLD, _NOTHING = ("classification", "segmentation"), ("binary", "multilabel"), ("regression", "anomaly")
KNOWN = (*_LARGEST, *_THRESHOLD, *_NOTHING)


def of_head(task_type: str, options: Mapping[str, Any], metrics: Mapping[str, Mapping[str, Any]]) -> Decision | None:
    """How a head decides; None when it does not.

    Args:
        task_type: one of `KNOWN`.
        options: of the task type.
        metrics: of the head with their options, of which the first with a threshold says it.

    Raises:
        ValueError: when the task type is not known here.
    """
    if task_type not in KNOWN:
        raise ValueError(f"no decision is known for task type {task_type!r}")
    if task_type in _LARGEST:
        return Decision(kind="largest")
    if task_type in _NOTHING:
        return None
    threshold = next((float(given["threshold"]) for given in metrics.values() if "threshold" in given), 0.5)
    return Decision(kind="threshold", threshold=threshold, logits=bool(options.get("logits")), pair=task_type == "binary")


@dataclass(frozen=True, kw_only=True)
class Changes:
    """Decisions that are others.

    Attributes:
        decisions: how many were made.
        samples: int64 [f], the sample of each that changed; the numbers of samples are those of the arrays.
        margins: float64 [f], by how much the reference preferred what it decided to what the other decided, in the output's units.
    """

    decisions: int
    samples: np.ndarray
    margins: np.ndarray

    @property
    def agreement(self) -> float | None:
        """Share of the decisions that are the same; None when there is none to make."""
        return 1 - len(self.samples) / self.decisions if self.decisions else None


def changes(reference: np.ndarray, predicted: np.ndarray, decision: Decision) -> Changes:
    """Compare two networks' decisions.

    Args:
        reference: outputs [n, ...] of the original.
        predicted: of the other, the same shape, all finite.
        decision: how they are to be read.
    """
    count = 0
    samples, margins = [], []
    for rows, a, b in fidelity.blocks(reference, predicted):
        before, after, margin = (_largest if decision.kind == "largest" else _against)(a, b, decision)
        count += before.size
        at = np.nonzero(before != after)
        samples.append(at[0] + rows.start)
        margins.append(margin[at])
    return Changes(decisions=count, samples=np.concatenate(samples), margins=np.concatenate(margins))


def _largest(a: np.ndarray, b: np.ndarray, decision: Decision) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Decisions [n, ...] of both, and how far the reference's own lies above what the other chose."""
    if a.ndim < 2 or a.shape[-1] < 2:
        nothing = np.zeros((len(a), 0))
        return nothing, nothing, nothing
    before, after = a.argmax(-1), b.argmax(-1)
    own, other = (np.take_along_axis(a, chosen[..., None], -1)[..., 0] for chosen in (before, after))
    return before, after, own - other


def _against(a: np.ndarray, b: np.ndarray, decision: Decision) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Decisions of both, and how far the reference lies from the threshold."""
    if decision.pair and a.ndim >= 2 and a.shape[-1] == 2:
        a, b = ((x[..., 1] - x[..., 0]) if decision.logits else x[..., 1] for x in (a, b))
    threshold = decision.threshold
    if decision.logits:
        with np.errstate(divide="ignore"):
            threshold = float(np.log(threshold) - np.log1p(-threshold))
    return a >= threshold, b >= threshold, np.abs(a - threshold)
