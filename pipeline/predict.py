"""Stage `predict@V`: one variant's outputs on every evaluation sample, in real units."""

import argparse
import os

from tqdm import tqdm

from pipeline import config, files, paths
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
    with files.replacing(paths.OUTPUTS / name) as folder, tqdm(total=count, desc=f"predict {name}", disable=None) as bar:
        folder.mkdir(parents=True)
        interpreter.predict(model, samples, workers=os.cpu_count() or 1, store=files.mapped(folder), done=bar.update)


if __name__ == "__main__":
    run(main)
