"""Stage `predict@V`: one variant's outputs on every evaluation sample, in real units; or why there are none."""

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
    config.require(config.read(), ["ai_edge_litert"])
    with files.replacing(paths.OUTPUTS / name) as folder:
        folder.mkdir()
        if failure := variant_run.attempt(_predict, name, folder, variant=name, failed="predict"):
            failure_record.write(folder, failure)


def _predict(model: bytes, name: str, folder: Path) -> None:
    support.require(model)
    samples = files.read_samples(paths.EVALUATION)
    count = len(next(iter(samples.values())))
    with progress.counting(count, doing=f"predict {name}") as done:
        interpreter.predict(model, samples, workers=os.cpu_count() or 1, store=files.mapped(folder), done=done)


if __name__ == "__main__":
    run(main)
