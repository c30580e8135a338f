"""Are the names in a configuration those of functions that exist, and do its options fit them? Asked when it is composed."""

from collections.abc import Callable, Mapping
from typing import Any

from pipeline import config
from pipeline.custom.metrics import METRICS
from pipeline.custom.readers import READERS, STEPS
from pipeline.lib import options, ranges
from pipeline.lib.errors import one_of


def check(settings: config.Config) -> None:
    """Compare reader, preprocessing, calibration method and metrics with their tables.

    Raises:
        UserError: with the allowed names or options.
    """
    one_of(settings.data.reader.name, READERS, where="data.reader.name")
    _options(READERS, settings.data.reader, where="data.reader.options", given=1)
    for number, step in enumerate(settings.data.preprocess):
        one_of(step.name, STEPS, where=f"data.preprocess.{number}.name")
        options.check_step(STEPS[step.name], step.options, name=step.name, where=f"data.preprocess.{number}.options")
    one_of(settings.calibrate.method, ranges.METHODS, where="calibrate.method")
    for number, name in enumerate(settings.task.metrics):
        one_of(name, METRICS, where=f"task.metrics.{number}")


def _options(table: Mapping[str, Callable[..., Any]], call: config.Call, *, where: str, given: int) -> None:
    """Options against the function's own signature; its first `given` arguments come from the pipeline."""
    options.check(table[call.name], call.options, name=call.name, where=where, given=given)
