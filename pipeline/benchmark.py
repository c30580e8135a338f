"""Stage `benchmark@V`: what one variant costs: bytes, latency and memory on this machine, arithmetic, kernels."""

import argparse
import tempfile
import zlib
from pathlib import Path

import msgspec
from filelock import FileLock

from pipeline import config, files, paths
from pipeline.errors import run
from pipeline.runtime import latency, support
from pipeline.selection.benchmark_report import Benchmark, ReferenceKernels
from pipeline.tflite import flatbuffer, reference_kernels
from pipeline.tflite.macs import macs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("variant")
    name = parser.parse_args().variant
    settings = config.read()
    options = settings.benchmark
    config.require(settings, ["ai_edge_litert"])
    model = files.read_bytes(paths.variant_model(name))
    support.require(model, name=str(paths.variant_model(name)))
    # Two benchmarks at once on a machine measure each other.
    with FileLock(Path(tempfile.gettempdir()) / "tflite-pipeline-benchmark.lock"):
        figures = latency.time_model(model, runs=options.runs, warmup=options.warmup, threads=options.threads)
    graph = flatbuffer.read(model)
    arithmetic = macs(graph)
    report = Benchmark(
        variant=name,
        bytes=len(model),
        compressed_bytes=len(zlib.compress(model, 9)),
        threads=options.threads,
        runs=options.runs,
        macs=sum(arithmetic.values()),
        macs_by_operator=arithmetic,
        operators=reference_kernels.operators(graph),
        reference_kernels=ReferenceKernels(**reference_kernels.reference_only(graph)),
        **figures,
    )
    files.write_json(paths.BENCHMARK_REPORTS / f"{name}.json", msgspec.to_builtins(report))


if __name__ == "__main__":
    run(main)
