"""Stage `simulate@V`: one variant on TensorFlow Lite Micro itself: does it run, to the same results, in how much memory?"""

import argparse
import os

import msgspec

from pipeline import config, files, paths
from pipeline.errors import run
from pipeline.failures import failure_record
from pipeline.micro import simulation


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("variant")
    name = parser.parse_args().variant
    settings = config.read()
    config.require(settings, ["tflite_micro", "ai_edge_litert"])
    if failure := failure_record.read(paths.OUTPUTS / name):  # nothing to simulate, or nothing to compare with
        files.write_json(paths.simulation(name), msgspec.to_builtins(failure))
        return
    report = simulation.simulate(
        name,
        files.read_bytes(paths.variant_model(name)),
        files.read_samples(paths.EVALUATION),
        files.read_arrays(paths.OUTPUTS / name),
        version=str(settings.versions["tflite_micro"]),
        workers=os.cpu_count() or 1,
    )
    files.write_json(paths.simulation(name), msgspec.to_builtins(report))


if __name__ == "__main__":
    run(main)
