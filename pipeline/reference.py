"""Stage `reference`: the original network's outputs on every evaluation sample, and the float32 file beside it part by part.

Run once, judged by all. Outputs on the other sets too when asked. Computed here, or in shards by a Ray cluster (docs/cluster.md):
the same bytes.
"""

import itertools
import os
from collections.abc import Mapping
from pathlib import Path

import msgspec
import numpy as np

from pipeline import config, files, paths, progress
from pipeline.cluster import shards
from pipeline.dataset.batches import batches
from pipeline.equivalence import conversion_proof, cut_points
from pipeline.equivalence.conversion_record import Conversion
from pipeline.errors import run
from pipeline.source import network_run, reference_run
from pipeline.source.source_record import Source
from pipeline.tflite import flatbuffer

# So many tell where file and network can be cut; what lies between is compared on other values as well.
_SAMPLES = 2
# TensorFlow, in bytes.
_MEMORY = 1_000_000_000


def main() -> None:
    settings = config.read()
    config.require(settings, ["tensorflow", "ai_edge_litert"])
    samples = files.read_samples(paths.EVALUATION)
    batch = files.read_record(paths.SOURCE_FACTS, Source).signature.batch
    with files.replacing(paths.REFERENCE) as folder, shards.sharing(("tensorflow", "numpy"), config.installed) as share:
        for inside, read in {"": paths.EVALUATION, **settings.evaluate.sets()}.items():
            _write(folder / inside, files.read_samples(read), batch=batch, share=share)
    files.write_json(paths.CONVERSION, msgspec.to_builtins(_conversion(samples, batch=batch)))


def _write(folder: Path, samples: Mapping[str, np.ndarray], *, batch: int | None, share: shards.Share | None) -> None:
    count = len(next(iter(samples.values())))
    if share is None:
        outputs = reference_run.run_saved_model(paths.SOURCE, samples, batch=batch, workers=os.cpu_count() or 1)
        files.write_rows(folder, progress.over(outputs, doing="reference", total=count), count=count)
        return
    folder.mkdir()
    content = reference_run.packed(paths.SOURCE)
    memory = _MEMORY + 4 * sum(map(len, content.values()))
    parts = share.over(reference_run.run_shard, samples, content, batch, multiple=batch or 1, memory=memory)
    with progress.counting(count, doing="reference") as done:
        shards.stored(parts, count=count, store=files.stored(folder), done=done)


def _conversion(samples: Mapping[str, np.ndarray], *, batch: int | None) -> Conversion:
    model = files.read_bytes(paths.FLOAT32)
    graph = flatbuffer.read(model)
    first = itertools.islice(batches(samples, batch=batch), _SAMPLES)
    return conversion_proof.compare(
        network_run.open_saved_model(paths.SOURCE, cut_points.positions),
        model,
        [inputs for _, inputs in first],
        generated=False,
        inputs=graph.inputs,
        outputs=graph.outputs,
    )


if __name__ == "__main__":
    run(main)
