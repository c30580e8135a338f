"""What a kind of network is, and what becomes of it in each format: passed, refused before with a reason, or accused."""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np

from pipeline.cli import audit
from pipeline.equivalence import conversion_proof, cut_points
from pipeline.equivalence.conversion_record import Conversion
from pipeline.errors import UserError
from pipeline.quantization import operator_plan, quantizer, recipes, result, schemes
from pipeline.quantization.quantization_report import Operator, Settings
from pipeline.runtime import interpreter, support
from pipeline.source import converter, inference_graph, keras3, network, network_run, reference_run, saved_model
from pipeline.source.tensorflow_setup import SIGNATURE, tf
from pipeline.tflite import control_flow, flatbuffer
from pipeline.verification import float32_proof, judgement
from tests import certified

# Schemes of the engine litert.
FORMATS = {
    "float32": "float32",
    "float16": "float16",
    "dynamic": "dynamic_wi8_afp32",
    "int8": "static_wi8_ai8",
    "int16x8": "static_wi8_ai16",
}
PASSED, REFUSED, ACCUSED = "passed", "refused: ", "accused: "
# Calibration samples, which are those that the outputs are compared on.
_SAMPLES = 4
# Lengths that a network leaves free.
_LENGTH = 16
_LIMITS = audit.limits()


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A network of the table.

    Attributes:
        name: begins with the class of the layer, where it is there for one.
        build: the network: a Keras model, or a tf.Module and its traced function.
        between: its float inputs are drawn uniformly between these; None: from a normal distribution.
        lengths: of inputs that leave them free, `_LENGTH` by default.
        batch: of the file; None leaves it free.
        untrained: variables keep their initial values, instead of being drawn at random.
        slow: too large for every run.
    """

    name: str
    build: Callable[[], Any]
    between: tuple[float, float] | None = None
    lengths: Mapping[str, list[int]] = field(default_factory=dict)
    batch: int | None = 1
    untrained: bool = False
    slow: bool = False


@dataclass(frozen=True, kw_only=True)
class Made:
    """A network, its float32 file, samples [n, ...] by input, its own answers [n, ...] by output, and `bits` of ranges.json."""

    source: float32_proof.Source
    float32: bytes
    samples: Mapping[str, np.ndarray]
    answers: Mapping[str, np.ndarray]
    measured: Mapping[str, Mapping[str, tuple[float, float]]]
    conversion: Conversion


def around(layer: Callable[[Any], Any], shape: tuple[int, ...], *, dtype: str = "float32", batch: int | None = None) -> keras.Model:
    """A layer in front of a dense one, so that there are weights to store."""
    start = keras.Input(shape, batch_size=batch, dtype=dtype, name="input")
    return keras.Model(start, keras.layers.Dense(4, name="end")(keras.layers.Flatten()(layer(start))))


def classes(model: keras.Model) -> set[str]:
    """Classes of the layers, those inside others and their bases too."""
    return {base.__name__ for layer in model._flatten_layers() for base in type(layer).__mro__}


def outcomes(row: Kind) -> dict[str, str]:
    """What becomes of a network in each format: `PASSED`, or `REFUSED` or `ACCUSED` and why."""
    with tempfile.TemporaryDirectory() as folder:
        built = row.build()
        try:
            made = _make(row, built, Path(folder))
        except UserError as error:
            # Where the folder is, is no part of the reason.
            return dict.fromkeys(FORMATS, REFUSED + str(error).replace(folder, ""))
        return {format: _outcome(made, format) for format in FORMATS}


def _make(row: Kind, built: Any, folder: Path) -> Made:
    """The stages from load to calibrate."""
    if isinstance(built, keras.Model):
        loaded = keras3.network_of(built if row.untrained else certified.randomised(built), path=folder)
    else:
        tf.saved_model.save(built[0], str(folder / "given"), signatures=built[1])
        loaded = saved_model.load(folder / "given", signature=None)
    inputs = network.fixed(loaded.inputs, shapes=_lengths(row, loaded.inputs), batch=row.batch)
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
    samples = {name: _drawn(row, spec) for name, spec in inputs.items()}
    seen = quantizer.observe(float32, _batches(samples, row.batch or 1), signature=SIGNATURE)
    ranges = {name: (float(low.min()), float(high.max())) for name, (low, high) in seen.items()}
    answers = [_answers(loaded, folder, given, row.batch) for given in _batches(samples, row.batch or 1)]
    return Made(
        source=source,
        float32=float32,
        samples=samples,
        answers={name: np.concatenate([answer[name] for answer in answers]) for name in answers[0]},
        measured={"8": ranges, "16": ranges},
        conversion=_conversion(folder, float32, _batches(samples, row.batch or 1)[:2]),
    )


def _conversion(folder: Path, float32: bytes, samples: Sequence[Mapping[str, np.ndarray]]) -> Conversion:
    """As the stage `reference` finds it."""
    graph = flatbuffer.read(float32)
    run = network_run.open_saved_model(folder / "source", cut_points.positions)
    return conversion_proof.compare(run, float32, samples, generated=False, inputs=graph.inputs, outputs=graph.outputs)


def _answers(loaded: network.Network, folder: Path, given: Mapping[str, np.ndarray], batch: int | None) -> dict[str, np.ndarray]:
    """The network's own, run by Keras operation after operation."""
    try:
        found = loaded.call({name: tf.constant(value) for name, value in given.items()})
    except tf.errors.UnimplementedError:
        # The stage `reference` has the words for that.
        list(reference_run.run_saved_model(folder / "source", given, batch=batch))
        raise
    return {name: np.asarray(value) for name, value in found.items()}


def _lengths(row: Kind, inputs: Mapping[str, Any]) -> dict[str, list[int]]:
    free = {name: spec.shape[1:] for name, spec in inputs.items() if None in spec.shape[1:]}
    return {name: [_LENGTH if length is None else length for length in shape] for name, shape in free.items()} | dict(row.lengths)


def _drawn(row: Kind, spec: Any) -> np.ndarray:
    rng, shape, dtype = np.random.default_rng(1), (_SAMPLES, *spec.shape[1:]), spec.dtype.as_numpy_dtype
    if not spec.dtype.is_floating:
        return rng.integers(0, 2 if spec.dtype.is_bool else 20, shape).astype(dtype)
    return (rng.normal(size=shape) if row.between is None else rng.uniform(*row.between, shape)).astype(dtype)


def _batches(samples: Mapping[str, np.ndarray], batch: int) -> list[dict[str, np.ndarray]]:
    return [{name: array[i : i + batch] for name, array in samples.items()} for i in range(0, _SAMPLES, batch)]


def _outcome(made: Made, format: str) -> str:
    scheme = FORMATS[format]
    try:
        model = _variant(made, scheme)
    except UserError as error:
        return REFUSED + str(error)
    facts, outputs = schemes.SCHEMES["litert"][scheme], None
    if format == "float32":
        outputs = judgement.Outputs(
            samples=made.samples,
            ids=[str(i) for i in range(_SAMPLES)],
            reference=made.answers,
            predicted=interpreter.predict(model, made.samples, workers=1),
        )
    report = judgement.judge(
        made.source,
        made.float32,
        model,
        scheme=scheme,
        io_dtype=facts.io_dtype[0],
        algorithm=facts.algorithms[0],
        measured=made.measured if facts.calibration == schemes.RANGES else None,
        outputs=outputs,
        limits=_LIMITS,
        conversion=made.conversion,
    )
    if report["passed"]:
        return PASSED
    faults = [f"{row['check']}: {row['tensor']}: {row['reason']}" for row in report["certificate"]["faults"]]
    checks = [f"{row['name']}: {row['reason']}" for row in report["checks"] if not row["passed"]]
    return ACCUSED + (faults or checks)[0]


def _variant(made: Made, scheme: str) -> bytes:
    """As the stage `quantize` makes it, and the next stages ask whether it runs."""
    if scheme == "float32":
        return made.float32
    facts, graph = schemes.SCHEMES["litert"][scheme], flatbuffer.read(made.float32)
    if facts.activations != "float32":
        control_flow.refuse(graph, scheme=scheme)
    how: dict[str, Any] = {"scheme": scheme, "algorithm": facts.algorithms[0], "granularity": facts.granularities[0]}
    recipe = recipes.whole(graph, **how, io_dtype=facts.io_dtype[0], exclude=())
    rows = operator_plan.describe(graph, recipe, **how)
    known = None
    if facts.calibration == schemes.RANGES:
        known = quantizer.ranges_as_statistics(operator_plan.ranges(graph, rows, made.measured))
    model = quantizer.quantize(made.float32, recipe, known=known)
    asked = Settings(engine="litert", **how, io_dtype=facts.io_dtype[0], exclude=[], samples=None, search=None)
    found = result.describe(
        flatbuffer.read(model), [Operator(**vars(row), layers=[]) for row in rows], variant=scheme, settings=asked
    )
    result.require_change(found, facts.weights, where=scheme)
    support.require(model, name=scheme)
    return model
