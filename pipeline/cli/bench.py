"""Time what the pipeline claims to be fast at, as ratios within one run on this machine. Run `dvc repro` first.

python -m pipeline.cli.bench
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import numpy as np

from pipeline import files, paths
from pipeline.cli.compose import compose
from pipeline.errors import run
from pipeline.mixed_precision.record import Result
from pipeline.quantization import quantizer, range_estimators, recipes
from pipeline.runtime import interpreter
from pipeline.runtime.batches import batches
from pipeline.tflite import flatbuffer, layer_names
from pipeline.verification import certificate, float32_proof

ROOT = Path(__file__).parents[2]
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
    ratios()
    with tempfile.TemporaryDirectory() as temporary:
        source, model = mobilenetv2(Path(temporary))
    certificate_of_mobilenetv2(source, model)
    search_of_mobilenetv2(source, model)


def ratios() -> None:
    """What is faster than what, on the files that `dvc repro` left."""
    from pipeline.source import converter  # TensorFlow, imported before the clock starts

    model, measured = files.read_bytes(paths.FLOAT32), files.read_json(paths.RANGES)
    samples = [inputs for _, inputs in islice(batches(files.read_samples(paths.CALIBRATION), batch=1), measured["samples"])]
    evaluation = files.read_samples(paths.EVALUATION)
    graph = flatbuffer.read(model)

    def static(scheme: str, bits: str) -> bytes:
        recipe = recipes.whole(graph, scheme=scheme, algorithm="min_max", granularity="channel", io_dtype=f"int{bits}")
        return quantizer.quantize(model, recipe, known=quantizer.ranges_as_statistics(measured["bits"][bits]))

    int16 = static("static_wi8_ai16", "16")
    workers = os.cpu_count() or 1
    pairs = {
        "int8 by the converter / by litert": (
            lambda: converter.convert_saved_model(paths.SOURCE, scheme="static_wi8_ai8", io_dtype="int8", samples=samples),
            lambda: static("static_wi8_ai8", "8"),
        ),
        f"predict int16x8 with 1 worker / with {workers}": (
            lambda: interpreter.predict(int16, evaluation, workers=1),
            lambda: interpreter.predict(int16, evaluation, workers=workers),
        ),
    }
    for name, (one, other) in pairs.items():
        first, second = seconds(one), seconds(other)
        print(f"{name}: {first:.4f} s / {second:.4f} s = {first / second:.1f}")


def certificate_of_mobilenetv2(source: float32_proof.Source, model: bytes) -> None:
    """The certificate of MobileNetV2 without the time to convert it, and the memory it takes."""
    tracemalloc.start()
    begun = time.perf_counter()
    proof = float32_proof.prove(source, model)
    report = certificate.certify(source, proof, model, scheme=None, io_dtype=None, algorithm=None)
    taken, peak = time.perf_counter() - begun, tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    print(f"certificate of MobileNetV2: {taken:.2f} s, peak memory {peak / len(model):.1f} times the file; {report['summary']}")


def search_of_mobilenetv2(source: float32_proof.Source, model: bytes, samples: int = 200, *overrides: str) -> None:
    """The stage `search@mixed` on MobileNetV2: figures of what it found and its time, without those of the stages before it.

    Args:
        source, model: of `mobilenetv2`.
        samples: of the tuning set.
        overrides: of the search's configuration, as Hydra takes them.
    """
    images = np.random.default_rng(1).normal(size=(samples, 8, 8, 3)).astype(np.float32).repeat(28, 1).repeat(28, 2)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        graph = flatbuffer.read(model)
        (name,) = graph.inputs
        few = ({name: image[None]} for image in images[:50])
        extremes = quantizer.observe(model, few, signature=graph.signature)
        bits = {
            str(bits): range_estimators.estimate(extremes, None, method="min_max", bits=bits, percentile=100)
            for bits in range_estimators.BITS
        }
        files.write_bytes(folder / paths.FLOAT32, model)
        rows = layer_names.operators_by_layer(graph, [layer["path"] for layer in source.layers], numbered=source.numbered)
        files.write_json(folder / paths.LAYERS, {"operators": rows})
        files.write_json(folder / paths.RANGES, {"bits": bits})
        (folder / paths.TUNING).parent.mkdir()
        files.write_samples(folder / paths.TUNING, ({name: image} for image in images), count=samples, labels=None)
        asked = ["search=[mixed]", "quantization=[mixed]", "searches.mixed.max_drop=null", "searches.mixed.min_sqnr_db=20"]
        (folder / paths.PARAMS).write_text(compose(ROOT, [*asked, *overrides]), encoding="utf-8")
        begun = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", "pipeline.search", "mixed"],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        taken = time.perf_counter() - begun
        operators = len(files.read_record(folder / paths.recipe("mixed"), Result).operators)
    print(f"search of MobileNetV2, {operators} operators, {samples} samples: {taken:.0f} s; {done.stdout.strip()}")


def mobilenetv2(folder: Path) -> tuple[float32_proof.Source, bytes]:
    """MobileNetV2 with random weights, activations of unit size as in a trained network, and its float32 file."""
    import keras

    from pipeline.cli import audit
    from pipeline.source import converter

    keras.utils.set_random_seed(0)
    network = keras.applications.MobileNetV2(weights=None)
    normalizations = [layer for layer in network.layers if isinstance(layer, keras.layers.BatchNormalization)]
    for layer in normalizations:
        layer.momentum = 0.0  # the statistics of one batch, then
    network(np.random.default_rng(0).normal(size=(8, 224, 224, 3)).astype(np.float32), training=True)
    network.save(folder / "network.keras")
    source = audit.source(folder / "network.keras", folder / "source", batch=1)
    return source, converter.convert_saved_model(folder / "source")


if __name__ == "__main__":
    run(main)
