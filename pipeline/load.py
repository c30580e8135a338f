"""Stage `load`: from the user's trained network to an inference-only SavedModel with one named signature."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from pipeline import config, files, paths
from pipeline.custom import layers as custom
from pipeline.source import inference_graph, loaders, network
from pipeline.source.source_record import Counts, ExportedSignature, Layer, Signature, Source, Tensor
from pipeline.source.tensorflow_setup import SIGNATURE
from pipeline.system import boundary, disk, watch


def main() -> None:
    settings = config.read()
    config.require(settings, ["tensorflow", "keras", "tf_keras"])
    model = settings.model
    path = Path(model.path)
    # The network is traced and written in native code, too: what ends it there is in the file.
    with (
        boundary.limits(seconds=settings.limits.seconds, gigabytes=settings.limits.gigabytes),
        boundary.watching(path, kind="a trained network", key="model.path"),
    ):
        _load(path, model)


def _load(path: Path, model: config.Model) -> None:
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
    with loaders.handling(path):
        traced = network.trace(loaded, inputs=inputs)
    with files.replacing(paths.SOURCE) as folder:
        with loaders.handling(path), disk.writing(folder):
            network.save(traced, folder)
        record = Source(
            name=model.name,
            format=format,
            signature=ExportedSignature(
                key=SIGNATURE, batch=model.batch, inputs=_tensors(network.in_float32(inputs)), outputs=_tensors(traced.outputs)
            ),
            original_signature=Signature(inputs=_tensors(loaded.inputs), outputs=_tensors(loaded.outputs)),
            rewritten_to_float32=traced.rewritten,
            layers=msgspec.convert(loaded.layers, list[Layer]),
            counts=Counts(parameters=loaded.parameters, variables=len(loaded.weights)),
        )
        # Before anything stands under its name: whoever ends the stage while it computes finds nothing new.
        graph = inference_graph.of_function(traced.function, traced.variables, loaded.weights)
        with files.replacing(paths.SOURCE_WEIGHTS) as temporary, temporary.open("wb") as stream:
            np.savez(stream, allow_pickle=False, **loaded.weights)
        files.write_graph(paths.SOURCE_GRAPH, *graph)
        files.write_json(paths.SOURCE_FACTS, msgspec.to_builtins(record))


def _tensors(named: Mapping[str, Any]) -> list[Tensor]:
    return msgspec.convert(network.signature(named), list[Tensor])


if __name__ == "__main__":
    watch.run(main)
