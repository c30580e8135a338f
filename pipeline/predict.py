"""Stage `predict@V`: one variant's outputs on every evaluation sample, in real units."""

import argparse
import os

from pipeline import config, files, paths, progress
from pipeline.errors import run
from pipeline.runtime import interpreter, support


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("variant")
    name = parser.parse_args().variant
    settings = config.read()
    config.require(settings, ["ai_edge_litert"])
    model = files.read_bytes(paths.variant_model(name))
    support.require(model, name=str(paths.variant_model(name)))
    samples = files.read_samples(paths.EVALUATION)
    count = len(next(iter(samples.values())))
    with files.replacing(paths.OUTPUTS / name) as folder, progress.counting(count, doing=f"predict {name}") as done:
        folder.mkdir(parents=True)
        interpreter.predict(model, samples, workers=os.cpu_count() or 1, store=files.mapped(folder), done=done)


if __name__ == "__main__":
    run(main)
