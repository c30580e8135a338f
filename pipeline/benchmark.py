"""Stage `benchmark@V`: bytes, latency and peak memory of one variant on this machine."""

import argparse
import tempfile
from pathlib import Path

from filelock import FileLock

from pipeline import config
from pipeline.lib import files, litert, paths, runnable
from pipeline.lib.errors import run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("variant")
    name = parser.parse_args().variant
    settings = config.read()
    options = settings.benchmark
    config.require(settings, ["ai_edge_litert"])
    model = files.read_bytes(paths.variant_model(name))
    runnable.require(model, name=str(paths.variant_model(name)), stage="benchmark")
    # Two benchmarks at once on a machine measure each other.
    with FileLock(Path(tempfile.gettempdir()) / "tflite-pipeline-benchmark.lock"):
        figures = litert.time_model(model, runs=options.runs, warmup=options.warmup, threads=options.threads)
    files.write_json(
        paths.BENCHMARK_REPORTS / f"{name}.json",
        {"variant": name, "bytes": len(model), "threads": options.threads, "runs": options.runs, **figures},
    )


if __name__ == "__main__":
    run(main)
