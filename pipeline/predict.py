"""Stage `predict@V`: one variant's outputs on every evaluation sample, and on the other sets when asked; or why there are none.

Computed here, or in shards by a Ray cluster (docs/cluster.md): the same bytes.
"""

import argparse
import os
from functools import partial
from pathlib import Path

from pipeline import config, files, paths, progress
from pipeline.cluster import shards
from pipeline.errors import run
from pipeline.failures import failure_record, variant_run
from pipeline.runtime import interpreter, support

# LiteRT and NumPy, in bytes.
_MEMORY = 300_000_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("variant")
    name = parser.parse_args().variant
    settings = config.read()
    config.require(settings, ["ai_edge_litert"])
    sets = {"": paths.EVALUATION, **settings.evaluate.sets()}
    with files.replacing(paths.OUTPUTS / name) as folder:
        folder.mkdir()
        if failure := variant_run.attempt(_predict, name, folder, sets, variant=name, failed="predict"):
            failure_record.write(folder, failure)


def _predict(model: bytes, name: str, folder: Path, sets: dict[str, Path]) -> None:
    support.require(model)
    with shards.sharing(("ai_edge_litert", "numpy"), config.installed) as share:
        for inside, read in sets.items():
            samples = files.read_samples(read)
            (folder / inside).mkdir(exist_ok=True)
            store, count = files.stored(folder / inside), len(next(iter(samples.values())))
            with progress.counting(count, doing=f"predict {name}") as done:
                if share is None:
                    interpreter.predict(model, samples, workers=os.cpu_count() or 1, store=store, done=done)
                else:
                    batch, made = interpreter.batch_of(model)
                    run = partial(variant_run.alone, interpreter.predict_shard)
                    parts = share.over(run, samples, model, multiple=batch, made_bytes=made, memory=_MEMORY + 3 * len(model))
                    shards.stored(parts, count=count, store=store, done=done)


if __name__ == "__main__":
    run(main)
