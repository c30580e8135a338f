"""Stage `load`: from the user's trained network to an inference-only SavedModel with one named signature."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from pipeline import config
from pipeline.custom import layers as custom
from pipeline.lib import files, formats, network, paths
from pipeline.lib.errors import UserError, run
from pipeline.lib.tf import SIGNATURE


def main() -> None:
    settings = config.read()
    config.require(settings, ["tensorflow", "keras", "tf_keras"])
    model = settings.model
    path = Path(model.path)
    found = formats.detect(path)
    format = found if model.format == "auto" else model.format
    if formats.CONTAINERS[format] != formats.CONTAINERS[found]:
        raise UserError(f"model.format: {format} is not what {path} holds: that is {found}; set it to auto")
    loaded = LOADERS[format](path, format, model)
    inputs = network.fixed(loaded.inputs, shapes=model.inputs, batch=model.batch)
    with files.replacing(paths.SOURCE) as folder:
        outputs, rewritten = network.export(loaded, folder, inputs=inputs)
        facts = _facts(model, format, loaded, network.in_float32(inputs), outputs, rewritten)
        with files.replacing(paths.SOURCE_WEIGHTS) as temporary, temporary.open("wb") as stream:
            np.savez(stream, allow_pickle=False, **loaded.weights)
        files.write_json(paths.SOURCE_FACTS, facts)


def _keras3(path: Path, format: str, model: config.Model) -> network.Network:
    from pipeline.lib import keras3

    return keras3.load(
        path,
        format=format,
        custom=custom.LAYERS,
        trust_code=model.trust_code,
        shapes=model.inputs,
        dtypes=model.input_dtypes,
    )


def _keras2(path: Path, format: str, model: config.Model) -> network.Network:
    from pipeline.lib import keras2

    return keras2.load(path, format=format, custom=custom.LAYERS, trust_code=model.trust_code)


def _saved_model(path: Path, format: str, model: config.Model) -> network.Network:
    from pipeline.lib import saved_model

    return saved_model.load(path, signature=model.signature)


LOADERS: dict[str, Callable[[Path, str, config.Model], network.Network]] = {
    "keras": _keras3,
    "keras3_h5": _keras3,
    "keras2": _keras2,
    "keras2_h5": _keras2,
    "keras2_saved_model": _keras2,
    "saved_model": _saved_model,
}


def _facts(
    model: config.Model, format: str, loaded: network.Network, inputs: dict[str, Any], outputs: dict[str, Any], rewritten: list[str]
) -> dict[str, Any]:
    """What models/source.json says."""
    return {
        "name": model.name,
        "format": format,
        "signature": {
            "key": SIGNATURE,
            "batch": model.batch,
            "inputs": network.signature(inputs),
            "outputs": network.signature(outputs),
        },
        "original_signature": {"inputs": network.signature(loaded.inputs), "outputs": network.signature(loaded.outputs)},
        "rewritten_to_float32": rewritten,
        "layers": loaded.layers,
        "counts": {"parameters": loaded.parameters, "variables": len(loaded.weights)},
    }


if __name__ == "__main__":
    run(main)
