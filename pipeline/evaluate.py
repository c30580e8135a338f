"""Stage `evaluate`: the task's metrics for the original network and for every variant, on the same samples."""

from typing import Any

import numpy as np

from pipeline import config
from pipeline.custom.metrics import METRICS
from pipeline.lib import files, paths, statistics
from pipeline.lib.errors import UserError, one_of, run


def main() -> None:
    settings = config.read()
    config.require(settings, ["scikit_learn"])
    task, variants, seed = settings.task, list(settings.variants), settings.seed
    for number, name in enumerate(task.metrics):
        one_of(name, METRICS, where=f"task.metrics.{number}")
    labels = files.read_labels(paths.EVALUATION)
    reference = _scores(files.read_arrays(paths.REFERENCE), task.output)
    report: dict[str, Any] = {"task": task.name, "deciding": task.deciding, "n": len(reference), "labelled": labels is not None}
    if labels is not None:
        if labels.max() >= reference.shape[-1]:
            raise UserError(f"task: label {labels.max()} has no score: the network's output is {list(reference.shape)}")
        scores = {name: _scores(files.read_arrays(paths.OUTPUTS / name), task.output) for name in variants}
        report["original"] = {name: METRICS[name].compute(labels, reference) for name in task.metrics}
        report["variants"] = {
            name: {
                "metrics": {metric: METRICS[metric].compute(labels, predicted) for metric in task.metrics},
                **_compare(labels, reference, predicted, deciding=task.deciding, seed=seed),
            }
            for name, predicted in scores.items()
        }
    files.write_json(paths.ACCURACY, report)


def _scores(outputs: dict[str, np.ndarray], name: str | None) -> np.ndarray:
    """The output that decides."""
    if name is None and len(outputs) > 1:
        raise UserError(f"task.output: the network has several outputs; name one of {', '.join(outputs)}")
    chosen = next(iter(outputs)) if name is None else one_of(name, outputs, where="task.output")
    return np.asarray(outputs[chosen])


def _compare(labels: np.ndarray, reference: np.ndarray, predicted: np.ndarray, *, deciding: str, seed: int) -> dict[str, Any]:
    """Drop of the deciding metric (positive: the variant is worse), its interval, and the p-value where decisions are counted."""
    metric = METRICS[deciding]
    sign = 1.0 if metric.higher_is_better else -1.0
    drop = sign * (metric.compute(labels, reference) - metric.compute(labels, predicted))
    if metric.per_sample is None:
        interval = statistics.resampled_interval(
            lambda rows: sign * (metric.compute(labels[rows], reference[rows]) - metric.compute(labels[rows], predicted[rows])),
            len(labels),
            seed=seed,
        )
        return {"drop": drop, "interval": interval, "p_value": None}
    before, after = metric.per_sample(labels, reference), metric.per_sample(labels, predicted)
    decisions = np.isin(before, (0, 1)).all() and np.isin(after, (0, 1)).all()
    return {
        "drop": drop,
        "interval": statistics.paired_interval(sign * (before - after), seed=seed),
        "p_value": statistics.mcnemar(before, after) if decisions else None,
    }


if __name__ == "__main__":
    run(main)
