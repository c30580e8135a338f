"""Stage `quantize@V`: one variant of the network, made by the engine its configuration names."""

import argparse
from collections.abc import Callable
from pathlib import Path

from pipeline import config
from pipeline.lib import files, flatbuffer, loops, paths, schemes
from pipeline.lib.batches import batches
from pipeline.lib.errors import UserError, run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("variant")
    name = parser.parse_args().variant
    settings = config.read()
    variant = config.variant(settings, name)
    config.require(settings, [variant.reads.library])
    model = ENGINES[variant.engine](variant, settings.convert)
    scheme = schemes.SCHEMES[variant.engine][variant.scheme]
    found = {tensor.dtype for tensor in flatbuffer.constants(flatbuffer.read(model))}
    if scheme.weights not in found:
        raise UserError(
            f"variants.{name}: nothing was quantized: the file has no {scheme.weights} constant, only {', '.join(sorted(found))}; "
            f"the network holds no operator that {variant.engine} {variant.scheme} can quantize"
        )
    files.write_bytes(paths.variant_model(name), model)


def litert(variant: config.Variant, options: config.Convert) -> bytes:
    """ai-edge-quantizer on the float32 file, with the ranges measured once."""
    from pipeline.lib import quantizer

    if variant.search is not None:
        raise UserError(f"search: recipes cannot be built yet ({variant.reads.recipe})")
    scheme = schemes.SCHEMES["litert"][variant.scheme]
    bits = {"int8": "8", "int16": "16"}.get(scheme.activations, "")
    needed = scheme.calibration == schemes.RANGES
    network = files.read_bytes(Path(variant.reads.network))
    if needed:
        loops.refuse(flatbuffer.read(network), scheme=variant.scheme)
    return quantizer.quantize(
        network,
        scheme=variant.scheme,
        algorithm=variant.algorithm,
        boundary=variant.boundary,
        ranges=files.read_json(Path(variant.reads.calibration))["bits"][bits] if needed else None,
    )


def converter(variant: config.Variant, options: config.Convert) -> bytes:
    """tf.lite.TFLiteConverter on the SavedModel, with the samples themselves."""
    from pipeline.lib import converter as tflite

    samples = None
    if variant.samples is not None:
        pool = files.read_samples(Path(variant.reads.calibration))
        samples = [inputs for _, inputs in batches(pool, batch=options.batch, count=variant.samples)]
    return tflite.convert_saved_model(
        Path(variant.reads.network),
        scheme=variant.scheme,
        samples=samples,
        select_tf_ops=options.select_tf_ops,
        custom_ops=options.custom_ops,
    )


ENGINES: dict[str, Callable[[config.Variant, config.Convert], bytes]] = {"litert": litert, "converter": converter}


if __name__ == "__main__":
    run(main)
