"""Stage `evaluate`: the task's metrics for the original network and for every variant, on the same samples."""

from typing import Any

import msgspec
import numpy as np

from pipeline import config, files, paths
from pipeline.custom.metrics import METRICS
from pipeline.errors import one_of, run
from pipeline.evaluation import paired_comparison, tasks
from pipeline.evaluation.accuracy_report import Accuracy, Measured, Variant
from pipeline.failures import failure_record


def main() -> None:
    settings = config.read()
    config.require(settings, ["scikit_learn"])
    task, labels, reference = settings.task, files.read_targets(paths.EVALUATION), files.read_arrays(paths.REFERENCE)
    # What could not be built or run has no outputs: comparisons are made, and corrected for, of those that have.
    known = {name: failure_record.read(paths.OUTPUTS / name) for name in settings.variant_names}
    outputs = {name: files.read_arrays(paths.OUTPUTS / name) for name, failure in known.items() if failure is None}
    report = Accuracy(
        task=task.name,
        primary_metric=task.primary_metric,
        n=len(next(iter(reference.values()))),
        labelled=bool(labels),
        confidence=task.confidence,
        failures={name: failure for name, failure in known.items() if failure is not None},
        **(_labelled(task, labels, reference, outputs, seed=settings.seed) if labels else {"correction": "none"}),
    )
    files.write_json(paths.ACCURACY, msgspec.to_builtins(report))


def _labelled(
    task: config.Task,
    labels: dict[str, np.ndarray],
    reference: dict[str, np.ndarray],
    outputs: dict[str, dict[str, np.ndarray]],
    *,
    seed: int,
) -> dict[str, Any]:
    """The fields of the report that need labels."""
    inputs, heads = files.read_samples(paths.EVALUATION), {}
    primary: dict[str, Any] = {}
    original: dict[str, Any] = {"metrics": {}, "undefined": {}}
    variants: dict[str, dict[str, Any]] = {name: {"metrics": {}, "undefined": {}} for name in outputs}
    for name, head in task.heads.items():
        metrics = {metric: (METRICS[one_of(metric, METRICS, where="task")], options) for metric, options in head.metrics.items()}
        given: dict[str, Any] = {"options": head.task_type.options, "output": head.output, "target": head.labels}
        before = tasks.evidence(head.task_type.name, labels, reference, inputs, **given)
        after = {variant: tasks.evidence(head.task_type.name, labels, found, inputs, **given) for variant, found in outputs.items()}
        prefix = f"{name}." if len(task.heads) > 1 else ""
        _add(original, tasks.measure(metrics, before), prefix)
        for variant, evidence in after.items():
            _add(variants[variant], tasks.measure(metrics, evidence), prefix)
        heads[name] = tasks.breakdown(head.task_type.name, metrics, before, after)
        if task.primary_metric.removeprefix(prefix) in metrics and task.primary_metric.startswith(prefix):
            metric, options = metrics[task.primary_metric.removeprefix(prefix)]
            compared = paired_comparison.compare(
                metric, options, before, after, level=task.confidence, resamples=task.resamples, seed=seed
            )
            primary = {"points": metric.points, "higher_is_better": metric.higher_is_better}
            primary |= {"comparisons": compared.comparisons, "correction": _correction(compared.comparisons, len(outputs))}
            for variant, comparison in compared.rows.items():
                variants[variant] |= msgspec.structs.asdict(comparison)
    return {
        "original": Measured(**original),
        "variants": {name: Variant(**row) for name, row in variants.items()},
        "heads": heads,
        **primary,
    }


def _correction(comparisons: int, variants: int) -> str:
    over = f"over {comparisons} comparison{'' if comparisons == 1 else 's'}"
    alike = "; variants that answer alike count once, the original but for rounding not at all" if comparisons < variants else ""
    return f"Holm for p-values, Bonferroni for simultaneous intervals, {over}{alike}"


def _add(row: dict[str, Any], measured: dict[str, Any], prefix: str) -> None:
    for part, figures in measured.items():
        row[part] |= {f"{prefix}{name}": value for name, value in figures.items()}


if __name__ == "__main__":
    run(main)
