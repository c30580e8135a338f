"""The engine `litert` on networks that it cannot quantize, and that what is said to help does."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from msgspec.structs import replace

from pipeline.errors import Impossible, UserError
from pipeline.quantization import litert_variant, lost_weights, quantizer, range_estimators, remedies, result, schemes
from pipeline.quantization.litert_variant import Request
from pipeline.quantization.quantization_report import Settings
from pipeline.runtime import interpreter
from pipeline.tflite import flatbuffer
from tests import made, records
from tests.networks import Measured


class Token(keras.layers.Layer):  # type: ignore[misc]
    """A learned first element of a sequence, as a class token is."""

    def build(self, shape: tuple[int, ...]) -> None:
        self.token = self.add_weight(shape=(1, 1, shape[-1]), initializer="random_normal", name="token")

    def call(self, x: keras.KerasTensor) -> keras.KerasTensor:
        first = keras.ops.broadcast_to(self.token, (keras.ops.shape(x)[0], 1, x.shape[-1]))
        return keras.ops.concatenate([first, x], axis=1)


def with_token() -> keras.Model:
    """Attention behind a class token, and a second concatenation that is no trouble."""
    x = keras.Input((4, 8), name="x")
    hidden = Token(name="token")(x)
    hidden = keras.layers.MultiHeadAttention(2, 4, name="attention")(hidden, hidden)
    hidden = keras.layers.Concatenate(name="beside")([hidden, hidden])
    hidden = keras.layers.GlobalAveragePooling1D(name="mean")(hidden)
    return keras.Model(x, keras.layers.Dense(3, name="y")(hidden))


@pytest.fixture(scope="module")
def token(tmp_path_factory: pytest.TempPathFactory) -> made.Made:
    keras.utils.set_random_seed(1)
    return made.make(with_token(), tmp_path_factory.mktemp("token") / "source")


def request(network: made.Made, **changes: object) -> Request:
    graph = flatbuffer.read(network.float32)
    layers = {graph.tensors[operator.outputs[0]].name: ["layer"] for operator in graph.operators}
    given = {"variant": "int8", "settings": records.settings(), "layers": layers, "ranges": made.measured(network)}
    return Request(**{**given, **changes})  # type: ignore[arg-type]


def test_a_class_token_is_named_and_the_remedy_makes_the_file(token: made.Made) -> None:
    with pytest.raises(Impossible, match=r"litert-quantizer refuses this network: Ranks of scales \(4\)") as refused:
        litert_variant.make(token.float32, request(token))
    assert refused.value.remedy.startswith("set `exclude: [CONCATENATION]` in conf/quantization/int8.yaml")
    graph = flatbuffer.read(token.float32)
    named = [graph.tensors[operator.outputs[0]].name for operator in graph.operators if operator.name == "CONCATENATION"]
    assert len(named) == 2
    (place,) = refused.value.places  # the other one is no trouble
    assert place[0] == "CONCATENATION"
    assert "token" in place[1]
    settings = records.settings(exclude=["CONCATENATION"])
    _, found = litert_variant.make(token.float32, request(token, settings=settings, exclude=named))
    assert found.constants["int8"] > 0


def test_where_no_operator_is_to_blame_it_says_what_the_library_said(
    digits: Measured, token: made.Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> bytes:
        raise Impossible("litert-quantizer refuses this network: so", quantizer.OTHERWISE)

    monkeypatch.setattr(quantizer, "quantize", refuse)
    with pytest.raises(Impossible, match=r"^litert-quantizer refuses this network: so; take the variant out") as refused:
        litert_variant.make(token.float32, request(token))
    assert refused.value.places == ()


def test_what_is_excluded_and_leaves_nothing_is_a_person_s_mistake(token: made.Made) -> None:
    graph = flatbuffer.read(token.float32)
    everything = [graph.tensors[operator.outputs[0]].name for operator in graph.operators]
    settings = replace(records.settings(scheme="dynamic_wi8_afp32", io_dtype="float32"), exclude=["x"])
    with pytest.raises(UserError, match="nothing was quantized") as refused:
        litert_variant.make(token.float32, request(token, settings=settings, exclude=everything, ranges=None))
    assert not isinstance(refused.value, Impossible)


def test_a_network_with_nothing_to_quantize_cannot_be_so(tmp_path: Path) -> None:
    x = keras.Input((4,), name="x")
    network = made.make(keras.Model(x, keras.layers.Activation("tanh", name="y")(x)), tmp_path / "source")
    settings = records.settings(scheme="dynamic_wi8_afp32", io_dtype="float32")
    with pytest.raises(Impossible, match="the network holds no operator that can be quantized so; take the variant out"):
        litert_variant.make(network.float32, request(network, settings=settings, ranges=None))
    assert np.isfinite(network.samples["x"]).all()


@pytest.mark.parametrize("scheme", ["static_wi8_ai8", "static_wi8_ai16"])
def test_the_outcome_says_what_was_rewritten_for_dead_channels(dying: made.Made, scheme: str) -> None:
    asked = request(dying, settings=records.settings(scheme=scheme, io_dtype=schemes.SCHEMES["litert"][scheme].io_dtype[0]))
    model, outcome = litert_variant.make(dying.float32, asked)
    expected = lost_weights.describe(flatbuffer.read(dying.float32), flatbuffer.read(model), {})
    assert outcome.rewritten == [replace(row, layers=["layer"]) for row in expected]
    (line,) = result.remarks(outcome, expected=True)
    assert line.startswith("rewritten behind the quantizer: 20 dead channels of 5 operators")


@pytest.mark.parametrize(("scheme", "io_dtype"), [("dynamic_wi8_afp32", "float32"), ("static_wi8_ai16", "int16")])
def test_a_file_that_litert_does_not_run_runs_as_the_remedy_says(scheme: str, io_dtype: str, tmp_path: Path) -> None:
    """LiteRT has no product of a constant on the left with what it is not."""
    x = keras.Input((4, 5), name="x")
    left = np.random.default_rng(0).normal(size=(1, 3, 4)).astype(np.float32)
    network = made.make(keras.Model(x, keras.layers.Dense(3, name="y")(keras.ops.matmul(left, x))), tmp_path / "source")
    graph = flatbuffer.read(network.float32)
    given: dict[str, Any] = {"ranges": made.measured(network) if scheme.startswith("static") else None}

    def built(settings: Settings, exclude: list[str]) -> bytes:
        return litert_variant.make(network.float32, request(network, settings=settings, exclude=exclude, **given))[0]

    settings = records.settings(scheme=scheme, io_dtype=io_dtype)
    model = built(settings, [])
    with pytest.raises(Impossible, match=r"batch_matmul\.cc") as refused:
        interpreter.predict(model, network.samples, workers=1)
    found = remedies.at_run_time(refused.value, flatbuffer.read(model), variant="v", settings=settings, layers={})
    more = "" if io_dtype == "float32" else " and `io_dtype: float32`"
    assert found.remedy.startswith(f"set `exclude: [BATCH_MATMUL]`{more} in conf/quantization/v.yaml")
    named = [graph.tensors[operator.outputs[0]].name for operator in graph.operators if operator.name == "BATCH_MATMUL"]
    cured = built(replace(settings, io_dtype="float32", exclude=["BATCH_MATMUL"]), named)
    assert interpreter.predict(cured, network.samples, workers=1)


class Masked(keras.layers.Layer):  # type: ignore[misc]
    """Scores of what is negative are -inf, as in attention over padding."""

    def call(self, scores: keras.KerasTensor, values: keras.KerasTensor) -> keras.KerasTensor:
        return keras.ops.where(values[:, :, :1] >= 0, scores, -np.inf)


@pytest.fixture(scope="module")
def masked(tmp_path_factory: pytest.TempPathFactory) -> made.Made:
    keras.utils.set_random_seed(2)
    x = keras.Input((6, 4), name="x")
    scores = Masked(name="masked")(keras.layers.Dense(1, name="scores")(x), x)
    mean = keras.layers.Dot(axes=1, name="mean")([keras.layers.Softmax(axis=1, name="weights")(scores), x])
    return made.make(keras.Model(x, keras.layers.Dense(3, name="y")(mean)), tmp_path_factory.mktemp("masked") / "source")


def test_a_mask_of_infinity_is_as_the_converter_writes_it(masked: made.Made) -> None:
    """-3.4e38, which is no fault of the file."""
    assert not [row.reason for row in masked.proof.rows if not row.passed]


def test_operators_that_touch_infinity_are_named_and_the_remedy_makes_the_file(masked: made.Made) -> None:
    graph, ranges = flatbuffer.read(masked.float32), made.measured(masked)
    finite = range_estimators.finite({name: (np.array([low]), np.array([high])) for name, (low, high) in ranges["8"].items()})
    infinite = [name for name in ranges["8"] if name not in finite]
    assert infinite  # though the calibrator clips it
    ranges = {bits: {name: ends for name, ends in of.items() if name not in infinite} for bits, of in ranges.items()}
    with pytest.raises(Impossible, match="holds infinity or NaN on calibration samples") as refused:
        litert_variant.make(masked.float32, request(masked, ranges=ranges, infinite=infinite))
    kinds = list(dict.fromkeys(kind for kind, _ in refused.value.places))
    assert f"`exclude`: [{', '.join(kinds)}]" in refused.value.remedy
    named = [graph.tensors[operator.outputs[0]].name for operator in graph.operators if operator.name in kinds]
    settings = records.settings(exclude=kinds)
    model, _ = litert_variant.make(
        masked.float32, request(masked, settings=settings, exclude=named, ranges=ranges, infinite=infinite)
    )
    ours, theirs = (interpreter.predict(file, masked.samples, workers=1)["y"] for file in (masked.float32, model))
    assert np.abs(ours - theirs).max() < 0.05 * np.abs(ours).max()
