"""Are the names in a configuration those of functions that exist, and do its options fit them? Asked when it is composed."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from pipeline import config
from pipeline.custom.metrics import METRICS
from pipeline.custom.readers import READERS, STEPS
from pipeline.lib import ranges
from pipeline.lib.errors import UserError, one_of


def check(settings: config.Config) -> None:
    """Compare reader, preprocessing, calibration method and metrics with their tables.

    Raises:
        UserError: with the allowed names or options.
    """
    one_of(settings.data.reader.name, READERS, where="data.reader.name")
    _options(READERS, settings.data.reader, where="data.reader.options", given=1)
    for number, step in enumerate(settings.data.preprocess):
        one_of(step.name, STEPS, where=f"data.preprocess.{number}.name")
        _options(STEPS, step, where=f"data.preprocess.{number}.options", given=1)
    one_of(settings.calibrate.method, ranges.METHODS, where="calibrate.method")
    for number, name in enumerate(settings.task.metrics):
        one_of(name, METRICS, where=f"task.metrics.{number}")


def _options(table: Mapping[str, Callable[..., Any]], call: config.Call, *, where: str, given: int) -> None:
    """Options against the function's own signature; its first `given` arguments come from the pipeline."""
    parameters = list(inspect.signature(table[call.name]).parameters.values())[given:]
    allowed = {parameter.name for parameter in parameters}
    needed = {parameter.name for parameter in parameters if parameter.default is inspect.Parameter.empty}
    if unknown := sorted(set(call.options) - allowed):
        raise UserError(f"{where}: {call.name} takes no {unknown[0]!r}; allowed: {', '.join(sorted(allowed))}")
    if missing := sorted(needed - set(call.options)):
        raise UserError(f"{where}: {call.name} needs {missing[0]!r}")
