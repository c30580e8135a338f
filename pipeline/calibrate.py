"""Stage `calibrate`: the range of every tensor on real samples, measured once for all static variants."""

import os
from collections.abc import Iterator, Mapping
from itertools import islice

import msgspec
import numpy as np

from pipeline import config, files, paths, progress
from pipeline.dataset.batches import batches
from pipeline.errors import run
from pipeline.quantization import histograms, quantizer, range_estimators
from pipeline.quantization.ranges_record import Ranges
from pipeline.runtime import interpreter, support
from pipeline.tflite import flatbuffer


def main() -> None:
    settings = config.read()
    config.require(settings, ["ai_edge_litert", "litert_quantizer"])
    model = files.read_bytes(paths.FLOAT32)
    support.require(model, name=str(paths.FLOAT32))
    pool = files.read_samples(paths.CALIBRATION)
    config.require_samples(settings.calibrate, len(next(iter(pool.values()))))
    count, method = settings.calibrate.samples, settings.calibrate.method
    batch, share = settings.convert.batch, settings.calibrate.percentile
    seen = _extremes(model, pool, batch, count)
    extremes = range_estimators.finite(seen)
    infinite = sorted(seen.keys() - extremes.keys())
    halves = None
    if range_estimators.METHODS[method].reads_histogram:
        ends = {name: (float(lows.min()), float(highs.max())) for name, (lows, highs) in extremes.items()}
        stream = interpreter.activations(model, _inputs(pool, batch, count), ends)
        steps = -(-count // (batch or 1))
        halves = histograms.collect(stream, ends, samples=steps, bins=settings.calibrate.bins)
    measured = {
        str(bits): range_estimators.estimate(extremes, halves, method=method, bits=bits, percentile=share)
        for bits in range_estimators.BITS
    }
    stability = range_estimators.stability(extremes, halves, method=method, percentile=share)
    constant = sorted(name for name, (lows, highs) in extremes.items() if lows.min() == highs.max())
    dead = [name for name in constant if extremes[name][0].min() == 0]
    for name in constant:
        kind = "always 0 (dead)" if name in dead else "constant"
        print(f"calibrate: {name} is {kind} on all {count} samples: its range says nothing")
    for name in infinite:
        print(f"calibrate: {name} holds infinity or NaN on some of the {count} samples: integers cannot, it can only stay float")
    ranges = Ranges(
        method=method,
        samples=count,
        bits=measured,
        stability=stability,
        least_stable=sorted(stability, key=lambda name: (-stability[name], name))[:5],
        constant=constant,
        dead=dead,
        infinite=infinite,
    )
    files.write_json(paths.RANGES, msgspec.to_builtins(ranges))


def _extremes(
    model: bytes, pool: Mapping[str, np.ndarray], batch: int | None, count: int
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """`quantizer.observe`, each core with a stretch of the samples: together they are in order, whatever the number of cores."""
    steps = -(-count // (batch or 1))
    length = -(-steps // (os.cpu_count() or 1))
    with progress.counting(steps, doing="calibrate") as done:

        def stretch(first: int) -> Iterator[dict[str, np.ndarray]]:
            for _, inputs in islice(batches(pool, batch=batch, count=count, first=first), length):
                yield inputs
                done()

        stretches = [stretch(first) for first in range(0, steps, length)]
        return quantizer.observe(model, *stretches, signature=flatbuffer.read(model).signature)


def _inputs(pool: Mapping[str, np.ndarray], batch: int | None, count: int) -> Iterator[dict[str, np.ndarray]]:
    steps = -(-count // (batch or 1))
    return (inputs for _, inputs in progress.over(batches(pool, batch=batch, count=count), doing="calibrate", total=steps))


if __name__ == "__main__":
    run(main)
