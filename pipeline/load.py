"""Stage `load`: from the user's trained network to an inference-only SavedModel with one named signature."""

from pathlib import Path

import numpy as np

from pipeline import config
from pipeline.custom import layers as custom
from pipeline.lib import files, graphdef, network, paths
from pipeline.lib.errors import UserError, run
from pipeline.lib.tf import SIGNATURE


def main() -> None:
    settings = config.read()
    config.require(settings, ["tensorflow", "keras"])
    path = Path(settings.model.path)
    if not path.exists():
        raise UserError(f"model.path: no such file: {path}; set it in conf/model/")
    if path.suffix != ".keras":
        raise UserError(f"model.path: {path} is no .keras file; save your network with model.save('NAME.keras')")
    model = network.load_keras(path, custom=custom.LAYERS)
    inputs, outputs = network.tensors(model)
    batch = settings.model.batch
    weights = network.weights(model)
    facts = {
        "name": settings.model.name,
        "format": "keras",
        "signature": {
            "key": SIGNATURE,
            "batch": batch,
            "inputs": network.signature(inputs, batch=batch),
            "outputs": network.signature(outputs, batch=batch),
        },
        "original_signature": {
            "inputs": network.signature(inputs, batch=None),
            "outputs": network.signature(outputs, batch=None),
        },
        "layers": network.layers(model),
        "counts": {"parameters": int(model.count_params()), "variables": len(weights)},
    }
    with files.replacing(paths.SOURCE) as folder:
        network.export(model, folder, batch=batch)
    with files.replacing(paths.SOURCE_WEIGHTS) as temporary, temporary.open("wb") as stream:
        np.savez(stream, allow_pickle=False, **weights)
    files.write_graph(paths.SOURCE_GRAPH, *graphdef.read(paths.SOURCE, list(weights)))
    files.write_json(paths.SOURCE_FACTS, facts)


if __name__ == "__main__":
    run(main)
