"""Time what the pipeline claims to be fast at, as ratios within one run on this machine. Run `dvc repro` first.

python -m pipeline.cli.bench
"""

import os
import statistics
import time
from collections.abc import Callable
from typing import Any

from pipeline.lib import files, flatbuffer, litert, paths, quantizer, recipes, treatments
from pipeline.lib.batches import batches
from pipeline.lib.errors import run

ROUNDS = 5


def seconds(work: Callable[[], object]) -> float:
    """Median wall time of `ROUNDS` calls after one that is not counted."""
    work()
    taken = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        work()
        taken.append(time.perf_counter() - begun)
    return statistics.median(taken)


def main() -> None:
    from pipeline.lib import converter  # TensorFlow, imported before the clock starts

    model, measured = files.read_bytes(paths.FLOAT32), files.read_json(paths.RANGES)
    pool, evaluation = files.read_samples(paths.CALIBRATION), files.read_samples(paths.EVALUATION)
    samples = [inputs for _, inputs in batches(pool, batch=1, count=measured["samples"])]
    graph = flatbuffer.read(model)

    def quantized(scheme: str, boundary: str) -> bytes:
        asked: dict[str, Any] = {"scheme": scheme, "algorithm": "min_max", "granularity": "channel"}
        recipe = recipes.whole(graph, **asked, exclude=(), boundary=boundary)
        rows = treatments.describe(graph, recipe, **asked, exclude=())
        known = quantizer.ranges_as_statistics(treatments.ranges(graph, rows, measured["bits"]))
        return quantizer.quantize(model, recipe, known=known)

    int16, workers = quantized("static_wi8_ai16", "int16"), os.cpu_count() or 1
    pairs = {
        "int8 by the converter / by litert": (
            lambda: converter.convert_saved_model(paths.SOURCE, scheme="static_wi8_ai8", boundary="int8", samples=samples),
            lambda: quantized("static_wi8_ai8", "int8"),
        ),
        f"predict int16x8 with 1 worker / with {workers}": (
            lambda: litert.predict(int16, evaluation, workers=1),
            lambda: litert.predict(int16, evaluation, workers=workers),
        ),
    }
    for name, (one, other) in pairs.items():
        first, second = seconds(one), seconds(other)
        print(f"{name}: {first:.4f} s / {second:.4f} s = {first / second:.1f}")


if __name__ == "__main__":
    run(main)
