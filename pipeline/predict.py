"""Stage `predict@V`: one variant's outputs on every evaluation sample, in real units; on the other sets too when asked."""

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
    with files.replacing(paths.OUTPUTS / name) as folder:
        for inside, read in {"": paths.EVALUATION, **settings.evaluate.sets()}.items():
            samples = files.read_samples(read)
            (folder / inside).mkdir(parents=True)
            with progress.counting(len(next(iter(samples.values()))), doing=f"predict {name}") as done:
                interpreter.predict(model, samples, workers=os.cpu_count() or 1, store=files.mapped(folder / inside), done=done)


if __name__ == "__main__":
    run(main)
