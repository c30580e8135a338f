"""Stage `quantize@V`: one variant of the network, made by the engine its configuration names, and what became of each operator."""

import argparse
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from pipeline import config, files, paths
from pipeline.dataset.batches import batches
from pipeline.errors import UserError, run
from pipeline.mixed_precision.record import Result
from pipeline.quantization import exclusions, lost_weights, result, schemes
from pipeline.quantization.quantization_report import Operator, Settings
from pipeline.quantization.ranges_record import Ranges
from pipeline.tflite import control_flow, flatbuffer
from pipeline.tflite.layers_record import Layers


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("variant")
    name = parser.parse_args().variant
    settings = config.read()
    variant = config.variant(settings, name)
    config.require(settings, [variant.reads.library])
    model, rows = ENGINES[variant.engine](name, variant, settings.convert)
    asked = msgspec.convert(variant, Settings, from_attributes=True)
    graph = flatbuffer.read(model)
    layers, float32 = {row.tensor: row.layers for row in rows}, Path(variant.reads.network)
    lost = lost_weights.describe(flatbuffer.read(files.read_bytes(float32)), graph, layers) if rows else ()
    found = result.describe(graph, rows, variant=name, settings=asked, rewritten=lost)
    result.require_change(found, schemes.SCHEMES[variant.engine][variant.scheme].weights, where=f"variants.{name}")
    for line in result.remarks(found, expected=schemes.SCHEMES[variant.engine][variant.scheme].integer_only):
        print(f"variants.{name}: {line}")
    files.write_bytes(paths.variant_model(name), model)
    files.write_json(paths.variant_outcome(name), msgspec.to_builtins(found))


def litert(name: str, variant: config.Variant, options: config.Convert) -> tuple[bytes, list[Operator]]:
    """litert-quantizer on the float32 file."""
    model = files.read_bytes(Path(variant.reads.network))
    if variant.scheme == "float32":
        return model, []
    from pipeline.quantization import operator_plan, quantizer, recipes  # half a second

    graph = flatbuffer.read(model)
    if schemes.SCHEMES["litert"][variant.scheme].activations != "float32":
        control_flow.refuse(graph, scheme=variant.scheme)
    asked: dict[str, Any] = {"scheme": variant.scheme, "algorithm": variant.algorithm, "granularity": variant.granularity}
    searched = None
    if variant.search is not None:
        searched = files.read_record(Path(variant.reads.recipe), Result)
        recipe, layers = searched.recipe, {row.tensor: list(row.layers) for row in searched.operators}
    else:
        carried = files.read_record(Path(variant.reads.recipe), Layers).operators
        asked["exclude"] = exclusions.tensors(carried, variant.exclude, where=f"variants.{name}.exclude")
        recipe = recipes.whole(graph, **asked, io_dtype=variant.io_dtype)
        layers = {row.tensor: row.layers for row in carried}
    rows = operator_plan.describe(graph, recipe, **asked)
    known = None
    needs = schemes.calibration(variant.engine, variant.scheme, variant.algorithm)
    if needs == schemes.RANGES:
        measured = files.read_record(Path(variant.reads.calibration), Ranges).bits
        known = quantizer.ranges_as_statistics(operator_plan.ranges(graph, rows, measured))
    elif needs == schemes.SAMPLES:
        pool = files.read_samples(Path(variant.reads.calibration))
        samples = [inputs for _, inputs in batches(pool, batch=options.batch, count=variant.samples)]
        known = quantizer.statistics(model, samples, recipe=recipe, signature=graph.signature)
    made = quantizer.quantize(model, recipe, known=known)
    if searched is not None and hashlib.sha256(made).hexdigest() != searched.sha256:
        raise UserError(f"variants.{name}: {variant.reads.recipe} gives another file than the search measured; run `dvc repro`")
    return made, [Operator(**vars(row), layers=layers[row.tensor]) for row in rows]


def converter(name: str, variant: config.Variant, options: config.Convert) -> tuple[bytes, list[Operator]]:
    """tf.lite.TFLiteConverter on the SavedModel, with the samples themselves."""
    from pipeline.source import converter as tflite

    samples = None
    if variant.samples is not None:
        pool = files.read_samples(Path(variant.reads.calibration))
        samples = [inputs for _, inputs in batches(pool, batch=options.batch, count=variant.samples)]
    made = tflite.convert_saved_model(
        Path(variant.reads.network),
        scheme=variant.scheme,
        io_dtype=variant.io_dtype,
        samples=samples,
        select_tf_ops=options.select_tf_ops,
        custom_ops=options.custom_ops,
    )
    return made, []


ENGINES: dict[str, Callable[[str, config.Variant, config.Convert], tuple[bytes, list[Operator]]]] = {
    "litert": litert,
    "converter": converter,
}


if __name__ == "__main__":
    run(main)
