"""Running one variant's file, for the stages that do: what comes of it, or the failure that takes its place."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from pipeline import files, paths
from pipeline.errors import Impossible, UserError
from pipeline.failures import failure_record
from pipeline.failures.failure_record import Failure, Stage
from pipeline.quantization import remedies
from pipeline.quantization.quantization_report import QuantizationReport
from pipeline.runtime import apart
from pipeline.tflite import flatbuffer

Result = TypeVar("Result")


def attempt(function: Callable[..., Result], *arguments: Any, variant: str, failed: Stage) -> Result | Failure:
    """What a function makes of the file of a variant; it runs in a process of its own, which LiteRT may end.

    Args:
        function: of a module, called with the bytes of the file and the arguments. It raises `Impossible` when LiteRT refuses.
        arguments: more of its own.
        variant: its name.
        failed: the stage that asks.

    Returns:
        The result, or why there is none: the file could not be built, or not be run.

    Raises:
        UserError: when the file cannot be run and is the float32 one, without which nothing can be said of the others.
    """
    if known := failure_record.read(paths.VARIANTS / variant):
        print(f"variants.{variant}: {known.short()}, as stage {known.failed} says: nothing to do")
        return known
    path: Path = paths.variant_model(variant)
    model = files.read_bytes(path)
    try:
        return alone(function, model, *arguments)
    except Impossible as error:
        made = files.read_record(paths.variant_outcome(variant), QuantizationReport)
        if made.settings.scheme == "float32":
            raise UserError(f"{path}: cannot be run here, nor can what needs its results: {error}") from None
        layers = {row.tensor: row.layers for row in made.operators}
        cured = remedies.at_run_time(error, flatbuffer.read(model), variant=variant, settings=made.settings, layers=layers)
    failure = failure_record.of(cured, variant=variant, failed=failed, layers=layers)
    print(f"variants.{variant}: {failure.sentence()}")
    return failure


def alone(function: Callable[..., Result], *arguments: Any) -> Result:
    """`apart.run` of a function that LiteRT may end."""
    return apart.run(function, *arguments, library="LiteRT", remedy="take the variant out of `quantization`")
