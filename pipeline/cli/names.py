"""Are the names in a configuration those of functions that exist, and do its options fit them? Asked when it is composed."""

from collections.abc import Callable, Mapping
from typing import Any

from pipeline import config, options
from pipeline.custom.metrics import METRICS
from pipeline.custom.readers import READERS, STEPS
from pipeline.errors import UserError, one_of
from pipeline.evaluation.tasks import TASK_TYPES
from pipeline.quantization import range_estimators


def check(settings: config.Config) -> None:
    """Compare reader, preprocessing, calibration method, task types and metrics with their tables.

    Raises:
        UserError: with the allowed names or options.
    """
    one_of(settings.data.reader.name, READERS, where="data.reader.name")
    _options(READERS, settings.data.reader, where="data.reader.options", given=1)
    for number, step in enumerate(settings.data.preprocess):
        one_of(step.name, STEPS, where=f"data.preprocess.{number}.name")
        options.check_step(STEPS[step.name], step.options, name=step.name, where=f"data.preprocess.{number}.options")
    one_of(settings.calibrate.method, range_estimators.METHODS, where="calibrate.method")
    for name, head in settings.task.heads.items():
        _head(head, where=f"task.heads.{name}")
    primary_metric = METRICS[config.reported(settings.task)[settings.task.primary_metric][1]]
    if settings.select.objective == "accuracy_per_byte" and not primary_metric.higher_is_better:
        raise UserError(
            f"select.objective: accuracy_per_byte makes no sense for {settings.task.primary_metric}: less of it is better"
        )


def _head(head: config.Head, *, where: str) -> None:
    """TaskType and metrics of one head, that they fit each other, and their options."""
    task_type = one_of(head.task_type.name, TASK_TYPES, where=f"{where}.task_type.name")
    given = {name: entry.read for name, entry in TASK_TYPES.items()}
    _options(given, head.task_type, where=f"{where}.task_type.options", given=3 if TASK_TYPES[task_type].needs_input else 2)
    for name, chosen in head.metrics.items():
        metric = METRICS[one_of(name, METRICS, where=f"{where}.metrics")]
        if metric.task_types is not None and task_type not in metric.task_types:
            fitting = [other for other, row in METRICS.items() if row.task_types is None or task_type in row.task_types]
            raise UserError(
                f"{where}.metrics: {name} does not fit the task type {task_type}; allowed: {', '.join(sorted(fitting))}"
            )
        call = config.Call(name=name, options=chosen)
        _options({name: metric.compute}, call, where=f"{where}.metrics.{name}", given=2)


def _options(table: Mapping[str, Callable[..., Any]], call: config.Call, *, where: str, given: int) -> None:
    """Options against the function's own signature; its first `given` arguments come from the pipeline."""
    options.check(table[call.name], call.options, name=call.name, where=where, given=given)
