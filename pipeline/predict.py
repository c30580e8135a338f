"""Stage `predict@V`: one variant's outputs on every evaluation sample, and on the other sets when asked; or why there are none."""

import argparse
import os
from pathlib import Path

from pipeline import config, files, paths, progress
from pipeline.errors import run
from pipeline.failures import failure_record, variant_run
from pipeline.runtime import interpreter, support


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
    for inside, read in sets.items():
        samples = files.read_samples(read)
        (folder / inside).mkdir(exist_ok=True)
        with progress.counting(len(next(iter(samples.values()))), doing=f"predict {name}") as done:
            interpreter.predict(model, samples, workers=os.cpu_count() or 1, store=files.stored(folder / inside), done=done)


if __name__ == "__main__":
    run(main)
