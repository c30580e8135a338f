"""Stage `quantize@V`: one variant of the network, made by the engine its configuration names, and what became of each operator.

Where there is no such file of this network, the folder says why instead.
"""

import argparse
import hashlib
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np

from pipeline import config, files, paths
from pipeline.dataset.batches import batches
from pipeline.errors import Impossible, UserError, run
from pipeline.failures import failure_record
from pipeline.mixed_precision.record import Result
from pipeline.quantization import exclusions, result, schemes
from pipeline.quantization.quantization_report import QuantizationReport, Settings
from pipeline.quantization.ranges_record import Ranges
from pipeline.runtime import apart
from pipeline.tflite.layers_record import Layers

Made = tuple[bytes, QuantizationReport]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("variant")
    name = parser.parse_args().variant
    settings = config.read()
    variant = config.variant(settings, name)
    config.require(settings, [variant.reads.library])
    folder = paths.VARIANTS / name
    try:
        library, remedy = LIBRARIES[variant.engine]
        model, found = apart.run(ENGINES[variant.engine], name, variant, settings.convert, library=library, remedy=remedy)
    except Impossible as error:
        if variant.scheme == "float32":
            raise
        failure = failure_record.of(error, variant=name, failed="quantize", layers=_layers(variant))
        print(f"variants.{name}: {failure.sentence()}")
        failure_record.write(folder, failure)
        return
    for line in result.remarks(found, expected=schemes.SCHEMES[variant.engine][variant.scheme].integer_only):
        print(f"variants.{name}: {line}")
    with files.replacing(folder) as temporary:
        files.write_bytes(temporary / paths.variant_model(name).name, model)
        files.write_json(temporary / paths.variant_outcome(name).name, msgspec.to_builtins(found))


def litert(name: str, variant: config.Variant, options: config.Convert) -> Made:
    """litert-quantizer on the float32 file."""
    model, asked = files.read_bytes(Path(variant.reads.network)), msgspec.convert(variant, Settings, from_attributes=True)
    if variant.scheme == "float32":
        return model, result.checked(model, [], variant=name, settings=asked)
    from pipeline.quantization import litert_variant  # half a second

    searched, exclude = None, []
    if variant.search is not None:
        searched = files.read_record(Path(variant.reads.recipe), Result)
    else:
        carried = files.read_record(Path(variant.reads.recipe), Layers).operators
        exclude = exclusions.tensors(carried, variant.exclude, where=f"variants.{name}.exclude")
    needs = schemes.calibration(variant.engine, variant.scheme, variant.algorithm)
    measured = files.read_record(Path(variant.reads.calibration), Ranges) if needs == schemes.RANGES else None
    request = litert_variant.Request(
        variant=name,
        settings=asked,
        layers=_layers(variant),
        exclude=exclude,
        recipe=None if searched is None else searched.recipe,
        ranges=None if measured is None else measured.bits,
        infinite=() if measured is None else measured.infinite,
        samples=_samples(variant, options),
    )
    made = litert_variant.make(model, request)
    if searched is not None and hashlib.sha256(made[0]).hexdigest() != searched.sha256:
        raise UserError(f"variants.{name}: {variant.reads.recipe} gives another file than the search measured; run `dvc repro`")
    return made


def converter(name: str, variant: config.Variant, options: config.Convert) -> Made:
    """tf.lite.TFLiteConverter on the SavedModel, with the samples themselves."""
    from pipeline.source import converter as tflite

    made = tflite.convert_saved_model(
        Path(variant.reads.network),
        scheme=variant.scheme,
        io_dtype=variant.io_dtype,
        samples=_samples(variant, options) if variant.samples is not None else None,
        select_tf_ops=options.select_tf_ops,
        custom_ops=options.custom_ops,
    )
    return made, result.checked(made, [], variant=name, settings=msgspec.convert(variant, Settings, from_attributes=True))


def _samples(variant: config.Variant, options: config.Convert) -> list[dict[str, np.ndarray]]:
    """As many calibration samples as the variant reads."""
    if variant.samples is None:
        return []
    pool = files.read_samples(Path(variant.reads.calibration))
    return [inputs for _, inputs in batches(pool, batch=options.batch, count=variant.samples)]


def _layers(variant: config.Variant) -> dict[str, list[str]]:
    """The layers that each operator of the float32 file carries, by its first output tensor."""
    path = Path(variant.reads.recipe)
    rows = files.read_record(path, Layers).operators if variant.search is None else files.read_record(path, Result).operators
    return {row.tensor: list(row.layers) for row in rows}


ENGINES: dict[str, Callable[[str, config.Variant, config.Convert], Made]] = {"litert": litert, "converter": converter}
# What ends the process when an engine does, and what to do then.
LIBRARIES = {
    "litert": ("litert-quantizer", "take the variant out of `quantization`"),
    "converter": (
        "TFLiteConverter",
        "take the variant out of `quantization`; schemes that are not static, such as float16 and dynamic_int8, calibrate nothing",
    ),
}


if __name__ == "__main__":
    run(main)
