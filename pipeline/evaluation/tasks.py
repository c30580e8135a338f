"""What a network's output is taken as: one function and one row in `TASK_TYPES` each."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from pipeline.errors import one_of
from pipeline.evaluation import binary, classification, regression, segmentation
from pipeline.evaluation.accuracy_report import Details, Flip, Head
from pipeline.evaluation.metric_type import Metric, Undefined, figure
from pipeline.evaluation.pick_one import only

Evidence = tuple[np.ndarray, np.ndarray]
# So many samples are looked at, beside those with the least and the greatest label.
_LOOKED_AT = 16


class TaskType(NamedTuple):
    """A type of task.

    Attributes:
        read: (labels [n, ...], output [n, ...], **options) to the labels and scores that its metrics take. Arrays may be
            memory-mapped.
        details: (labels, scores, decisions or None) to figures for each class and the like.
        needs_input: `read` takes the network's inputs, [n, ...] by name, as a third argument.
    """

    read: Callable[..., Evidence]
    details: Callable[..., dict[str, Any]]
    needs_input: bool = False


TASK_TYPES: dict[str, TaskType] = {
    "classification": TaskType(classification.read, classification.details),
    "binary": TaskType(binary.read_binary, binary.details_binary),
    "multilabel": TaskType(binary.read_multilabel, binary.details_multilabel),
    "regression": TaskType(regression.read, regression.details),
    "segmentation": TaskType(segmentation.read, segmentation.details),
    "anomaly": TaskType(binary.read_anomaly, lambda labels, scores, decisions: {}, needs_input=True),
}


def measure(metrics: Mapping[str, tuple[Metric, Mapping[str, Any]]], evidence: Evidence | Undefined) -> dict[str, Any]:
    """Every metric of one set of outputs.

    Args:
        metrics: by reported name, with its options.
        evidence: of `TaskType.read`, or why there is none.

    Returns:
        `metrics`: figure by name, None where it is undefined, and `undefined`: the reasons.
    """
    figures: dict[str, float | None] = {}
    reasons: dict[str, str] = {}
    for name, (metric, options) in metrics.items():
        try:
            if isinstance(evidence, Undefined):
                raise evidence
            figures[name] = figure(metric, *evidence, **options)
        except Undefined as reason:
            figures[name], reasons[name] = None, str(reason)
    return {"metrics": figures, "undefined": reasons}


def evidence(
    task_type: str,
    labels: Mapping[str, np.ndarray],
    outputs: Mapping[str, np.ndarray],
    inputs: Mapping[str, np.ndarray],
    *,
    options: Mapping[str, Any],
    output: str | None,
    target: str | None,
) -> Evidence | Undefined:
    """What a head's metrics take, of one network's outputs.

    Args:
        task_type: key of `TASK_TYPES`.
        labels: all labels by name, [n, ...] and memory-mapped, as are the next two.
        outputs: of the network by name.
        inputs: of the network by name.
        options: of the task type.
        output: name of the head's output; None: the only one.
        target: name of the head's labels; None: the only ones.

    Raises:
        UserError: when names, shapes or labels do not fit.
    """
    row = TASK_TYPES[one_of(task_type, TASK_TYPES, where="task.heads: task_type.name")]
    chosen, wanted = only(outputs, output, where="task.heads: output"), only(labels, target, where="task.heads: labels")
    return finite(row.read, wanted, chosen, *([inputs] if row.needs_input else []), **options)


def evidence_by_shards(
    over: Callable[..., Iterator[tuple[slice, Evidence | Undefined]]],
    task_type: str,
    labels: Mapping[str, np.ndarray],
    outputs: Mapping[str, np.ndarray],
    inputs: Mapping[str, np.ndarray],
    *,
    options: Mapping[str, Any],
    output: str | None,
    target: str | None,
) -> Evidence | Undefined:
    """The same as `evidence`, to the byte: arrays are read shard by shard, and what each sample comes to is joined.

    Args:
        over: (function, arrays [n, ...] by key) to what the function makes of the rows of each shard, in order.
        task_type, labels, outputs, inputs, options, output, target: as in `evidence`.

    Raises:
        UserError: as `evidence`.
    """
    row = TASK_TYPES[task_type]
    only(outputs, output, where="task.heads: output")
    only(labels, target, where="task.heads: labels")
    groups = {"labels": labels, "outputs": outputs, "inputs": inputs if row.needs_input else {}}
    wanted = {"labels": target, "outputs": output, "inputs": options.get("reconstructs")}
    arrays = {
        (group, name): array for group, given in groups.items() for name, array in given.items() if wanted[group] in (None, name)
    }
    read = partial(_of_rows, task_type, options=options, output=output, target=target)
    return joined(part for _, part in over(read, arrays))


def _of_rows(task_type: str, rows: Mapping[tuple[str, str], np.ndarray], **head: Any) -> Evidence | Undefined:
    """`evidence` of one shard, from rows [k, ...] by "labels", "outputs" or "inputs" and name."""
    labels, outputs, inputs = (
        {name: array for (group, name), array in rows.items() if group == kind} for kind in ("labels", "outputs", "inputs")
    )
    return evidence(task_type, labels, outputs, inputs, **head)


def joined(parts: Iterable[Evidence | Undefined]) -> Evidence | Undefined:
    """The evidence of several sets of samples as one; undefined, and no more of them taken, when that of one set is."""
    known: list[Evidence] = []
    for part in parts:
        if isinstance(part, Undefined):
            return part
        known.append(part)
    return np.concatenate([labels for labels, _ in known]), np.concatenate([scores for _, scores in known])


def fit(
    task_type: str,
    labels: Mapping[str, np.ndarray],
    outputs: Mapping[str, Sequence[int | None] | None],
    inputs: Mapping[str, np.ndarray],
    *,
    options: Mapping[str, Any],
    output: str | None,
    target: str | None,
) -> None:
    """Does a task fit a network and its data? Asked before the network has been run, of an output of zeros of its shape.

    Args:
        task_type, labels, inputs, options, output, target: as in `evidence`.
        outputs: shape of each output by name, the batch first; None where a length, or the rank, is free: then names alone are
            compared.

    Raises:
        UserError: when names, shapes, dtypes or labels do not fit.
    """
    wanted = only(labels, target, where="task.heads: labels")
    only({name: np.empty(0) for name in outputs}, output, where="task.heads: output")
    if any(shape is None or None in shape[1:] for shape in outputs.values()):
        return
    rows = _telling(wanted)
    made = {
        name: np.zeros((len(rows), *(length or 1 for length in (shape or ())[1:])), np.float32) for name, shape in outputs.items()
    }
    evidence(
        task_type,
        {name: array[rows] for name, array in labels.items()},
        made,
        {name: array[rows] for name, array in inputs.items()},
        options=options,
        output=output,
        target=target,
    )


def _telling(labels: np.ndarray) -> list[int]:
    """The first samples, and those with the least and the greatest label [n, ...]."""
    flat = labels.reshape(len(labels), -1)
    extreme = {int(flat.min(1).argmin()), int(flat.max(1).argmax())} if flat.size and labels.dtype.kind in "iufb" else set()
    return sorted({*range(min(len(labels), _LOOKED_AT)), *extreme})


def finite(
    read: Callable[..., Evidence], labels: np.ndarray, output: np.ndarray, *given: Any, **options: Any
) -> Evidence | Undefined:
    """The evidence, or why there is none when an output is NaN or infinite: such a variant is a row, not a crash."""
    try:
        evidence = read(labels, output, *given, **options)
    except Undefined as reason:
        return reason
    return evidence if np.isfinite(evidence[1]).all() else Undefined("NaN or infinity in the outputs")


def breakdown(
    task_type: str,
    metrics: Mapping[str, tuple[Metric, Mapping[str, Any]]],
    original: Evidence | Undefined,
    variants: Mapping[str, Evidence | Undefined],
) -> Head:
    """Figures for each class and the like, and which samples changed their decision.

    Args:
        task_type: key of `TASK_TYPES`.
        metrics: of the head, by name, with their options; the first that decides tells the decisions.
        original, variants: of `evidence`.

    Returns:
        What the type's `details` say of each network (empty without outputs); a variant also has `flips` when decisions are made.
    """
    details = TASK_TYPES[task_type].details
    if isinstance(original, Undefined):
        return Head(task_type=task_type, n=0, original=Details(), variants={name: Details() for name in variants})
    before = decisions(metrics, original)
    rows: dict[str, Details] = {}
    for name, evidence in variants.items():
        if isinstance(evidence, Undefined):
            rows[name] = Details()
            continue
        after, flips = decisions(metrics, evidence), None
        if before is not None and after is not None:
            flips = [
                Flip(sample=int(i), label=int(original[0][i]), before=int(before[i]), after=int(after[i]))
                for i in np.flatnonzero(before != after)
            ]
        rows[name] = Details(**details(*evidence, after), flips=flips)
    return Head(task_type=task_type, n=len(original[1]), original=Details(**details(*original, before)), variants=rows)


def decisions(metrics: Mapping[str, tuple[Metric, Mapping[str, Any]]], evidence: Evidence) -> np.ndarray | None:
    """What was decided for each sample, int [n], by the first metric that decides; None when none does."""
    for metric, options in metrics.values():
        if metric.decide is not None:
            chosen = metric.decide(evidence[1], **options)
            return chosen if chosen.ndim == 1 else None
    return None
