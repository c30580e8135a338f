"""Stage `benchmark@V`: what one variant costs: bytes, latency and memory on this machine, arithmetic, kernels; or why not."""

import argparse
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec
from filelock import FileLock

from pipeline import config, files, paths
from pipeline.errors import run
from pipeline.failures import variant_run
from pipeline.runtime import host, latency, support
from pipeline.selection.benchmark_report import Benchmark, Machine, ReferenceKernels
from pipeline.system import leftovers
from pipeline.tflite import flatbuffer, reference_kernels
from pipeline.tflite.macs import macs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("variant")
    name = parser.parse_args().variant
    settings = config.read()
    config.require(settings, ["ai_edge_litert"])
    with _alone():
        report = variant_run.attempt(_benchmark, name, settings.benchmark, variant=name, failed="benchmark")
    files.write_json(paths.benchmark(name), msgspec.to_builtins(report))


@contextmanager
def _alone() -> Iterator[None]:
    """Two benchmarks at once on a machine measure each other."""
    lock = leftovers.SHARED / "tflite-pipeline-benchmark.lock"
    try:
        held = FileLock(lock, mode=0o666).acquire()
    except PermissionError:  # another user's, which the system keeps for them: this user's own benchmarks still wait for each other
        held = FileLock(lock.with_suffix(f".{os.getuid()}.lock")).acquire()
    with held:
        yield


def _benchmark(model: bytes, name: str, options: config.Benchmark) -> Benchmark:
    support.require(model)
    figures = latency.time_model(model, runs=options.runs, warmup=options.warmup, threads=options.threads)
    graph = flatbuffer.read(model)
    arithmetic = macs(graph)
    return Benchmark(
        variant=name,
        bytes=len(model),
        compressed_bytes=len(zlib.compress(model, 9)),
        threads=options.threads,
        runs=options.runs,
        macs=sum(arithmetic.values()),
        macs_by_operator=arithmetic,
        operators=reference_kernels.operators(graph),
        reference_kernels=ReferenceKernels(**reference_kernels.reference_only(graph)),
        machine=msgspec.convert(host.describe(), Machine),
        **figures,
    )


if __name__ == "__main__":
    run(main)
