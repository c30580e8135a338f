"""What a kind of network is, and what becomes of it in each format."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np

from pipeline.cli import audit
from pipeline.errors import UserError
from pipeline.quantization import operator_plan, quantizer, recipes, result, schemes
from pipeline.quantization.quantization_report import Operator, Settings
from pipeline.runtime import interpreter, support
from pipeline.source import converter, inference_graph, keras3, network, saved_model
from pipeline.source.tensorflow_setup import SIGNATURE, tf
from pipeline.tflite import control_flow, flatbuffer
from pipeline.verification import float32_proof, judgement
from tests import certified

FORMATS = {
    "float32": "float32",
    "float16": "float16",
    "dynamic": "dynamic_wi8_afp32",
    "int8": "static_wi8_ai8",
    "int16x8": "static_wi8_ai16",
}
N = 8


@dataclass(frozen=True, kw_only=True)
class Kind:
    name: str
    build: Callable[[], Any]
    low: float = 0.0
    high: float = 0.0
    lengths: Mapping[str, list[int]] = field(default_factory=dict)
    batch: int | None = 1
    refused: str | None = None
    slow: bool = False
    initial: bool = False


def kind(name: str, build: Callable[[], Any], **options: Any) -> Kind:
    return Kind(name=name, build=build, **options)


def classes(model: Any) -> set[str]:
    return set()


def around(layer: Any, shape: tuple[int, ...], *, dtype: str = "float32", low: float = 0, high: float = 0, batch: int | None = None) -> keras.Model:
    """A layer in front of a dense one."""
    x = start = keras.Input(shape, batch_size=batch, dtype=dtype, name="input")
    model = keras.Model(start, keras.layers.Dense(4, name="end")(keras.layers.Flatten()(layer(x))))
    model.drawn_between = (low, high)
    return model


@dataclass
class Made:
    """A kind with its network exported and converted."""

    folder: Path
    source: float32_proof.Source
    float32: bytes
    samples: Mapping[str, np.ndarray]
    reference: Mapping[str, np.ndarray]
    measured: dict[str, dict[str, tuple[float, float]]] | None = None


def samples(inputs: Mapping[str, Any], low: float, high: float) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    found = {}
    for name, spec in inputs.items():
        shape = (N, *spec.shape[1:])
        dtype = tf.as_dtype(spec.dtype).name
        if "int" in dtype:
            found[name] = rng.integers(0, 20, shape).astype(dtype)
        elif dtype == "bool":
            found[name] = rng.integers(0, 2, shape).astype(bool)
        elif high > low:
            found[name] = rng.uniform(low, high, shape).astype(np.float32)
        else:
            found[name] = rng.normal(size=shape).astype(np.float32)
    return found


def make(row: Kind, folder: Path) -> Made:
    built = row.build()
    if isinstance(built, keras.Model):
        if not row.initial:
            certified.randomised(built)
        loaded = keras3.network_of(built, path=folder, shapes=row.lengths)
    else:
        tf.saved_model.save(built[0], str(folder / "given"), signatures=built[1])
        loaded = saved_model.load(folder / "given", signature=None)
    lengths = {
        name: [16 if length is None else length for length in spec.shape[1:]]
        for name, spec in loaded.inputs.items()
        if None in spec.shape[1:]
    } | dict(row.lengths)
    inputs = network.fixed(loaded.inputs, shapes=lengths, batch=row.batch)
    traced = network.trace(loaded, inputs=inputs)
    network.save(traced, folder / "source")
    graph, constants = inference_graph.of_function(traced.function, traced.variables, loaded.weights)
    source = float32_proof.Source(
        graph=graph,
        constants=constants,
        weights=loaded.weights,
        layers=loaded.layers,
        signature={
            "key": SIGNATURE,
            "inputs": network.signature(network.in_float32(inputs)),
            "outputs": network.signature(traced.outputs),
        },
        numbered=isinstance(built, keras.Model),
    )
    float32 = converter.convert_saved_model(folder / "source")
    support.require(float32, name="float32.tflite")
    low, high = getattr(built, "drawn_between", (row.low, row.high))
    given = samples(inputs, low, high)
    if isinstance(built, keras.Model) and row.batch is None:
        answers = loaded.call(dict(given))
        reference = {name: np.asarray(value) for name, value in answers.items()}
    else:
        batch = row.batch or 1
        rows = [
            {name: np.asarray(value) for name, value in loaded.call({key: tf.constant(v[i : i + batch]) for key, v in given.items()}).items()}
            for i in range(0, N, batch)
        ]
        reference = {name: np.concatenate([one[name] for one in rows]) for name in rows[0]}
    return Made(folder, source, float32, given, reference)


def variant(made: Made, scheme: str) -> bytes:
    """As the stage `quantize` makes it with the engine `litert`."""
    if scheme == "float32":
        return made.float32
    facts = schemes.SCHEMES["litert"][scheme]
    graph = flatbuffer.read(made.float32)
    if facts.activations != "float32":
        control_flow.refuse(graph, scheme=scheme)
    asked: dict[str, Any] = {
        "scheme": scheme,
        "algorithm": facts.algorithms[0],
        "granularity": facts.granularities[0],
        "exclude": (),
    }
    io_dtype = facts.io_dtype[0]
    recipe = recipes.whole(graph, **asked, io_dtype=io_dtype)
    rows = operator_plan.describe(graph, recipe, **asked)
    known = None
    if facts.calibration == schemes.RANGES:
        if made.measured is None:
            shares = [{name: array[i : i + 1] for name, array in made.samples.items()} for i in range(N)]
            seen = quantizer.observe(made.float32, shares, signature=SIGNATURE)
            ranges = {name: (float(low.min()), float(high.max())) for name, (low, high) in seen.items()}
            made.measured = {"8": ranges, "16": ranges}
        known = quantizer.ranges_as_statistics(operator_plan.ranges(graph, rows, made.measured))
    model = quantizer.quantize(made.float32, recipe, known=known)
    settings = Settings(
        engine="litert", scheme=scheme, algorithm=asked["algorithm"], granularity=asked["granularity"], io_dtype=io_dtype, exclude=[], samples=None, search=None,
    )
    found = result.describe(flatbuffer.read(model), [Operator(**vars(r), layers=[]) for r in rows], variant=scheme, settings=settings)
    result.require_change(found, facts.weights, where=scheme)
    support.require(model, name=scheme)
    return model


def outcome(made: Made, format: str) -> dict[str, Any]:
    scheme = FORMATS[format]
    model = variant(made, scheme)
    outputs = None
    if format == "float32":
        outputs = judgement.Outputs(
            samples=made.samples,
            ids=[str(i) for i in range(N)],
            reference=made.reference,
            predicted=interpreter.predict(model, made.samples, workers=1),
        )
    return judgement.judge(
        made.source,
        made.float32,
        model,
        scheme=scheme,
        io_dtype=schemes.SCHEMES["litert"][scheme].io_dtype[0],
        algorithm=schemes.SCHEMES["litert"][scheme].algorithms[0],
        measured=made.measured,
        outputs=outputs,
        limits=audit.limits(),
    )
