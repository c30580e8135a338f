"""Time what the pipeline claims to be fast at, as ratios within one run on this machine. Run `dvc repro` first.

python -m pipeline.cli.bench
"""

import os
import statistics
import time
from collections.abc import Callable
from itertools import islice

from pipeline.lib import files, flatbuffer, litert, paths, quantizer, recipes
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

    model, ranges = files.read_bytes(paths.FLOAT32), files.read_json(paths.RANGES)
    samples = [inputs for _, inputs in islice(batches(files.read_samples(paths.CALIBRATION), batch=1), ranges["samples"])]
    evaluation = files.read_samples(paths.EVALUATION)
    graph = flatbuffer.read(model)

    def static(scheme: str, bits: str) -> bytes:
        recipe = recipes.whole(graph, scheme=scheme, algorithm="min_max", granularity="channel", boundary=f"int{bits}")
        return quantizer.quantize(model, recipe, known=quantizer.ranges_as_statistics(ranges["bits"][bits]))

    int16 = static("static_wi8_ai16", "16")
    workers = os.cpu_count() or 1
    pairs = {
        "int8 by the converter / by litert": (
            lambda: converter.convert_saved_model(paths.SOURCE, scheme="static_wi8_ai8", boundary="int8", samples=samples),
            lambda: static("static_wi8_ai8", "8"),
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
