"""Stage `evaluate`: the task's metrics for the original network and for every variant, on the same samples.

Inputs, masks and outputs are read here, or in shards by a Ray cluster (docs/cluster.md): the same bytes.
"""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from pipeline import config, files, paths
from pipeline.cluster import shards
from pipeline.custom.metrics import METRICS
from pipeline.errors import one_of, run
from pipeline.evaluation import paired_comparison, tasks
from pipeline.evaluation.accuracy_report import Accuracy, Measured, Variant, Whole
from pipeline.evaluation.metric_type import Metric, Undefined
from pipeline.failures import failure_record

Metrics = Mapping[str, tuple[Metric, Mapping[str, Any]]]
EvidenceOf = Callable[..., tasks.Evidence | Undefined]
Heads = Mapping[str, tuple[str, Metrics, EvidenceOf]]
# NumPy, in bytes.
_MEMORY = 200_000_000


def main() -> None:
    settings = config.read()
    config.require(settings, ["scikit_learn", "scipy"])
    task, labels, reference = settings.task, files.read_targets(paths.EVALUATION), files.read_arrays(paths.REFERENCE)
    # What could not be built or run has no outputs: comparisons are made, and corrected for, of those that have.
    known = {name: failure_record.read(paths.OUTPUTS / name) for name in settings.variant_names}
    outputs = {name: files.read_arrays(paths.OUTPUTS / name) for name, failure in known.items() if failure is None}
    with shards.sharing(("numpy",), config.installed) as share:
        heads = _heads(task, share)
        report = Accuracy(
            task=task.name,
            primary_metric=task.primary_metric,
            n=len(next(iter(reference.values()))),
            labelled=bool(labels),
            confidence=task.confidence,
            failures={name: failure for name, failure in known.items() if failure is not None},
            **(_labelled(task, heads, labels, reference, outputs, seed=settings.seed) if labels else {"correction": "none"}),
            whole=_whole(settings, heads, list(outputs)) if labels and settings.evaluate.on == "all" else None,
        )
    files.write_json(paths.ACCURACY, msgspec.to_builtins(report))


def _labelled(
    task: config.Task,
    heads: Heads,
    labels: dict[str, np.ndarray],
    reference: dict[str, np.ndarray],
    outputs: dict[str, dict[str, np.ndarray]],
    *,
    seed: int,
) -> dict[str, Any]:
    """The fields of the report that need labels."""
    inputs = files.read_samples(paths.EVALUATION)
    details: dict[str, Any] = {}
    primary: dict[str, Any] = {}
    original: dict[str, Any] = {"metrics": {}, "undefined": {}}
    variants: dict[str, dict[str, Any]] = {name: {"metrics": {}, "undefined": {}} for name in outputs}
    for name, (prefix, metrics, evidence_of) in heads.items():
        before = evidence_of(labels, reference, inputs)
        after = {variant: evidence_of(labels, found, inputs) for variant, found in outputs.items()}
        _add(original, tasks.measure(metrics, before), prefix)
        for variant, evidence in after.items():
            _add(variants[variant], tasks.measure(metrics, evidence), prefix)
        details[name] = tasks.breakdown(task.heads[name].task_type.name, metrics, before, after)
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
        "heads": details,
        **primary,
    }


def _whole(settings: config.Config, heads: Heads, variants: list[str]) -> Whole:
    """Figures of all labelled samples, set by set read and taken together, for the variants that have outputs."""
    sets = {"": paths.EVALUATION, **settings.evaluate.sets()}
    labels = {inside: files.read_targets(read) for inside, read in sets.items()}
    inputs = {inside: files.read_samples(read) for inside, read in sets.items()}

    def measured(folder: Path) -> Measured:
        row: dict[str, Any] = {"metrics": {}, "undefined": {}}
        for prefix, metrics, evidence_of in heads.values():
            parts = [evidence_of(labels[inside], files.read_arrays(folder / inside), inputs[inside]) for inside in sets]
            _add(row, tasks.measure(metrics, tasks.joined(parts)), prefix)
        return Measured(**row)

    counts = {inside: len(next(iter(arrays.values()))) for inside, arrays in inputs.items()}
    return Whole(
        n=sum(counts.values()),
        calibration=counts["calibration"],
        tuning=counts["tuning"],
        original=measured(paths.REFERENCE),
        variants={name: measured(paths.OUTPUTS / name) for name in variants},
    )


def _heads(task: config.Task, share: shards.Share | None) -> Heads:
    """For each head what its metrics' names begin with, the metrics, and (labels, outputs, inputs) to what they take."""
    found = {}
    for name, head in task.heads.items():
        metrics = {metric: (METRICS[one_of(metric, METRICS, where="task")], options) for metric, options in head.metrics.items()}
        given: dict[str, Any] = {"options": head.task_type.options, "output": head.output, "target": head.labels}
        prefix = f"{name}." if len(task.heads) > 1 else ""
        read = tasks.evidence if share is None else partial(tasks.evidence_by_shards, partial(share.over, memory=_MEMORY))
        found[name] = (prefix, metrics, partial(read, head.task_type.name, **given))
    return found


def _correction(comparisons: int, variants: int) -> str:
    over = f"over {comparisons} comparison{'' if comparisons == 1 else 's'}"
    alike = "; variants that answer alike count once, the original but for rounding not at all" if comparisons < variants else ""
    return f"Holm for p-values, Bonferroni for simultaneous intervals, {over}{alike}"


def _add(row: dict[str, Any], measured: dict[str, Any], prefix: str) -> None:
    for part, figures in measured.items():
        row[part] |= {f"{prefix}{name}": value for name, value in figures.items()}


if __name__ == "__main__":
    run(main)
