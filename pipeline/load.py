"""Stage `load`: from the user's trained network to an inference-only SavedModel with one named signature."""

from pathlib import Path

import numpy as np

from pipeline import config, files, paths
from pipeline.custom import layers as custom
from pipeline.errors import run
from pipeline.source import inference_graph, loaders, network
from pipeline.source.tensorflow_setup import SIGNATURE


def main() -> None:
    settings = config.read()
    config.require(settings, ["tensorflow", "keras", "tf_keras"])
    model = settings.model
    path = Path(model.path)
    format, loaded = loaders.load(
        path,
        format=model.format,
        signature=model.signature,
        custom=custom.LAYERS,
        trust_code=model.trust_code,
        shapes=model.inputs,
        dtypes=model.input_dtypes,
    )
    inputs = network.fixed(loaded.inputs, shapes=model.inputs, batch=model.batch)
    traced = network.trace(loaded, inputs=inputs)
    with files.replacing(paths.SOURCE) as folder:
        network.save(traced, folder)
        facts = {
            "name": model.name,
            "format": format,
            "signature": {
                "key": SIGNATURE,
                "batch": model.batch,
                "inputs": network.signature(network.in_float32(inputs)),
                "outputs": network.signature(traced.outputs),
            },
            "original_signature": {"inputs": network.signature(loaded.inputs), "outputs": network.signature(loaded.outputs)},
            "rewritten_to_float32": traced.rewritten,
            "layers": loaded.layers,
            "counts": {"parameters": loaded.parameters, "variables": len(loaded.weights)},
        }
        with files.replacing(paths.SOURCE_WEIGHTS) as temporary, temporary.open("wb") as stream:
            np.savez(stream, allow_pickle=False, **loaded.weights)
        files.write_graph(paths.SOURCE_GRAPH, *inference_graph.of_function(traced.function, traced.variables, loaded.weights))
        files.write_json(paths.SOURCE_FACTS, facts)


if __name__ == "__main__":
    run(main)
