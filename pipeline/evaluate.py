"""Stage `evaluate`: the task's metrics for the original network and for every variant, on the same samples."""

from typing import Any

from pipeline import config, files, paths
from pipeline.custom.metrics import METRICS
from pipeline.errors import one_of, run
from pipeline.evaluation import paired_comparison, tasks
from pipeline.evaluation.tasks import TASK_TYPES


def main() -> None:
    settings = config.read()
    config.require(settings, ["scikit_learn"])
    task = settings.task
    labels, reference = files.read_targets(paths.EVALUATION), files.read_arrays(paths.REFERENCE)
    outputs = {name: files.read_arrays(paths.OUTPUTS / name) for name in settings.variants}
    report: dict[str, Any] = {
        "task": task.name,
        "primary_metric": task.primary_metric,
        "n": len(next(iter(reference.values()))),
        "labelled": bool(labels),
        "confidence": task.confidence,
        "correction": f"Holm for p-values, Bonferroni for simultaneous intervals, over {len(outputs)} variants",
    }
    if labels:
        inputs = files.read_samples(paths.EVALUATION)
        report |= {
            "original": {"metrics": {}, "undefined": {}},
            "variants": {name: {"metrics": {}, "undefined": {}} for name in outputs},
        }
        report["heads"] = {}
        for name, head in task.heads.items():
            metrics = {
                metric: (METRICS[one_of(metric, METRICS, where="task")], options) for metric, options in head.metrics.items()
            }
            given: dict[str, Any] = {"options": head.task_type.options, "output": head.output, "target": head.labels}
            original = tasks.evidence(head.task_type.name, labels, reference, inputs, **given)
            variants = {
                variant: tasks.evidence(head.task_type.name, labels, found, inputs, **given) for variant, found in outputs.items()
            }
            prefix = f"{name}." if len(task.heads) > 1 else ""
            _add(report["original"], tasks.measure(metrics, original), prefix)
            for variant, evidence in variants.items():
                _add(report["variants"][variant], tasks.measure(metrics, evidence), prefix)
            report["heads"][name] = tasks.describe(TASK_TYPES[head.task_type.name], metrics, original, variants) | {
                "task_type": head.task_type.name
            }
            if task.primary_metric.removeprefix(prefix) in metrics and task.primary_metric.startswith(prefix):
                metric, options = metrics[task.primary_metric.removeprefix(prefix)]
                report |= {"points": metric.points, "higher_is_better": metric.higher_is_better}
                compared = paired_comparison.compare(
                    metric, options, original, variants, level=task.confidence, resamples=task.resamples, seed=settings.seed
                )
                for variant, row in compared.items():
                    report["variants"][variant] |= row
    files.write_json(paths.ACCURACY, report)


def _add(report: dict[str, Any], measured: dict[str, Any], prefix: str) -> None:
    for part, figures in measured.items():
        report[part] |= {f"{prefix}{name}": value for name, value in figures.items()}


if __name__ == "__main__":
    run(main)
