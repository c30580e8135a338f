"""All kernels zero, or saturated: files whose codes are the nearest to their scales, and whose scales are wrong."""

import warnings
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from pipeline.cli import audit
from pipeline.quantization import dead_channels, schemes
from pipeline.runtime import interpreter
from pipeline.source.tensorflow_setup import tf
from pipeline.tflite import flatbuffer
from tests import certified, faults, foreign, helpers, requantized
from tests.made import Made, blockwise, certify, converted, litert, make

ALGORITHMS = ("min_max", "mse", "octav")
SCHEMES = ("dynamic_wi8_afp32", "static_wi8_ai8", "dynamic_wi4_afp32", "weightonly_wi8_afp32")


@pytest.fixture(scope="module")
def made_by(nets: Callable[[str], Made]) -> Callable[[str, str], bytes]:
    return cache(lambda scheme, algorithm: litert(nets("wide"), scheme, algorithm=algorithm))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_scales_that_are_all_too_coarse_or_all_too_fine(
    nets: Callable[[str], Made], made_by: Callable[[str, str], bytes], scheme: str, algorithm: str
) -> None:
    made, sound = nets("wide"), made_by(scheme, algorithm)
    for told in (algorithm, None):
        assert certify(made, sound, None, told)["faults"] == []
        for factor in (300.0, 1 / 16):
            report = certify(made, requantized.scaled(made.float32, sound, factor), None, told)
            layers = {layer for fault in report["faults"] if fault["check"] == "scales" for layer in fault["layers"]}
            assert {"one", "two", "three", "out"} <= layers
        # One channel among many.
        one = requantized.scaled(made.float32, sound, 300.0, channels=slice(2, 3))
        assert not certify(made, one, None, told)["passed"]


def test_such_a_file_is_another_network(nets: Callable[[str], Made], made_by: Callable[[str, str], bytes]) -> None:
    made = nets("wide")
    outputs = [
        interpreter.predict(model, made.samples, workers=1)["out"]
        for model in (made.float32, requantized.scaled(made.float32, made_by("dynamic_wi8_afp32", "min_max"), 300.0))
    ]
    assert np.abs(outputs[0] - outputs[1]).max() > 0.1 * np.abs(outputs[0]).max()


def test_the_reason_says_what_happened(nets: Callable[[str], Made], made_by: Callable[[str, str], bytes]) -> None:
    made, sound = nets("wide"), made_by("dynamic_wi8_afp32", "min_max")
    for factor, words in ((300.0, "is 300 times what its largest weight asks for: it is too coarse"), (1 / 16, "are clipped")):
        report = certify(made, requantized.scaled(made.float32, sound, factor), None, None)
        assert any(words in fault["reason"] for fault in report["faults"])


def test_blocks(nets: Callable[[str], Made]) -> None:
    made = nets("wide")
    sound = blockwise(made, 4, 32)
    assert certify(made, sound, None, None)["passed"]
    assert not certify(made, requantized.scaled(made.float32, sound, 16.0), None, None)["passed"]


def test_a_table_of_a_file_without_ranges_is_not_clipped(tmp_path: Path) -> None:
    """Where ranges were measured it may have that of what was looked up; a dynamic file has none."""
    tokens = keras.Input((6,), dtype="int32", name="tokens")
    # TFLiteConverter leaves constants of less than 1,024 entries in float32.
    x = keras.layers.Flatten(name="flat")(keras.layers.Embedding(200, 16, name="table")(tokens))
    model = keras.Model(tokens, keras.layers.Dense(20, name="out")(x), name="looked_up")
    made = make(certified.randomised(model), tmp_path / "source")
    for scheme in ("dynamic_wi8_afp32", "static_wi8_ai8"):
        sound = converted(made, scheme)
        assert certify(made, sound, None, None)["faults"] == []
        assert certify(made, sound, scheme)["faults"] == []
        graph = flatbuffer.read(sound)
        names = {graph.tensors[one.inputs[0]].name for one in graph.operators if one.name == "GATHER"}
        stored = next(tensor for tensor in graph.tensors if tensor.name in names and tensor.data is not None)
        assert stored.scales is not None
        expected = next(row for row in flatbuffer.read(made.float32).tensors if row.name == stored.name)
        clipped = faults.edited(sound, partial(_halved, name=stored.name, values=flatbuffer.values(expected)))
        report = certify(made, clipped, None, None)
        wrong = [fault for fault in report["faults"] if "of the values are clipped" in fault["reason"]]
        assert bool(wrong) == (scheme == "dynamic_wi8_afp32")
        assert {layer for fault in wrong for layer in fault["layers"]} <= {"table"}


def _halved(content: Any, name: str, values: np.ndarray) -> None:
    """Half of the range for a table, and the same for what is looked up in it."""
    tensors = content.subgraphs[0].tensors
    table = next(tensor for tensor in tensors if tensor.name.decode() == name)
    codes, scale = faults.array(content, table, "int8"), np.float32(np.abs(values).max() / 254)
    codes[:] = np.clip(np.rint(values.ravel() / scale), -127, 127)
    looked_up = [one.outputs[0] for one in faults.operators(content, "GATHER") if tensors[one.inputs[0]] is table]
    for tensor in (table, *(tensors[number] for number in looked_up)):
        tensor.quantization.scale, tensor.quantization.zeroPoint = np.array([scale]), np.zeros(1, np.int64)


@pytest.fixture(scope="module")
def dead(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Channels whose kernels came out of folding as nothing, each with a bias that matters."""
    model = certified.randomised(certified.convolutions())
    for name, sizes in (("strided", (1e-33, 1e-39, 0.0, 1e-12)), ("depthwise", (1e-33, 0.0, 1e-8))):
        kernel, *rest = model.get_layer(name).get_weights()
        for channel, factor in enumerate(sizes):
            kernel[:, :, channel if name == "depthwise" else slice(None), 0 if name == "depthwise" else channel] *= np.float32(
                factor
            )
        model.get_layer(name).set_weights([kernel, *rest])
    return make(model, tmp_path_factory.mktemp("dead") / "source")


@pytest.mark.parametrize("scheme", ["static_wi8_ai8", "static_wi8_ai16"])
def test_dead_channels_of_the_converter_are_not_accused(dead: Made, scheme: str) -> None:
    assert certify(dead, converted(dead, scheme), scheme)["faults"] == []


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_dead_channels_of_the_quantizer_are_not_accused(dead: Made, algorithm: str) -> None:
    # Where it takes no least scale, it divides by zero.
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sound = litert(dead, "dynamic_wi8_afp32", algorithm=algorithm)
    assert certify(dead, sound, None, algorithm)["faults"] == []


STATIC = ("static_wi8_ai8", "static_wi8_ai16")


def test_a_static_file_of_the_library_loses_the_constants_of_dead_channels(dead: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its least scale leaves them no room in 32 bits; the pipeline rewrites them."""
    for scheme in STATIC:
        assert certify(dead, litert(dead, scheme), scheme, ranges=True)["faults"] == []
    monkeypatch.setattr(dead_channels, "rewritten", lambda float32, quantized: quantized)
    report = certify(dead, litert(dead, "static_wi8_ai8"), "static_wi8_ai8")
    assert any("do not fit into int32 with their scale" in fault["reason"] for fault in report["faults"])


@pytest.mark.parametrize("scheme", [*STATIC, "dynamic_wi8_afp32", "weightonly_wi8_afp32", "dynamic_wi4_afp32", "static_wi4_ai8"])
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_dead_channels_are_named_and_not_accused(dying: Made, scheme: str, algorithm: str) -> None:
    with np.errstate(all="ignore"):
        sound = litert(dying, scheme, algorithm)
    for told in (algorithm, None):
        report = certify(dying, sound, scheme, told, ranges=scheme in STATIC)
        assert report["faults"] == []
    # MSE and OCTAV have no least scale, and keep what little there is where no constant asks for another one.
    named = any(line.startswith("20 dead channels, of which only the constant is left") for line in report["also"])
    assert named or algorithm != "min_max"


@pytest.mark.parametrize("scheme", [*STATIC, "dynamic_wi8_afp32"])
def test_dead_channels_of_the_converter_are_named_and_not_accused(dying: Made, scheme: str) -> None:
    assert certify(dying, converted(dying, scheme), scheme)["faults"] == []


# The second convolution of `dying`, which has dead channels, by its place.
ONE = ("CONV_2D", 1)
# One with a constant, and a live one.
CHANNEL, LIVE = 5, 0


def _constants(content: Any) -> tuple[Any, Any, Any]:
    """Its kernel, bias and data."""
    operator = faults.operators(content, ONE[0])[ONE[1]]
    data, kernel, bias = (faults.tensor_of(content, operator, place) for place in range(3))
    return kernel, bias, data


def _bias_codes(content: Any, bias: Any) -> np.ndarray:
    return faults.array(content, bias, "int32" if bias.type == schema.TensorType.INT32 else "int64")


def _with_scale(content: Any, channel: int, scale: float, constant: float) -> None:
    """A scale of the kernel, and a bias whose scale and code follow from it."""
    kernel, bias, data = _constants(content)
    scales, products = np.array(kernel.quantization.scale), np.array(bias.quantization.scale)
    scales[channel] = scale
    products[channel] = np.float32(data.quantization.scale[0]) * scales[channel]
    kernel.quantization.scale, bias.quantization.scale = scales, products
    codes = _bias_codes(content, bias)
    codes[channel] = np.clip(np.rint(constant / products[channel].astype(np.float64)), *_ends(codes))


def _ends(codes: np.ndarray) -> tuple[int, int]:
    return np.iinfo(codes.dtype).min, np.iinfo(codes.dtype).max


def _live_zeroed(content: Any) -> None:
    kernel, _, _ = _constants(content)
    faults.array(content, kernel, "int8").reshape(kernel.shape)[LIVE] = 0


def _live_zeroed_by_its_scale(content: Any) -> None:
    _live_zeroed(content)
    _with_scale(content, LIVE, 1e4, 0.0)


def _constant_dropped(content: Any) -> None:
    _, bias, _ = _constants(content)
    _bias_codes(content, bias)[CHANNEL] = 0


def _constant_changed(content: Any) -> None:
    _, bias, _ = _constants(content)
    _bias_codes(content, bias)[CHANNEL] //= 2


def _constant_of_another(content: Any) -> None:
    _, bias, _ = _constants(content)
    codes = _bias_codes(content, bias)
    codes[[3, CHANNEL]] = codes[[CHANNEL, 3]]


def _constant_dropped_by_its_scale(content: Any) -> None:
    _with_scale(content, CHANNEL, 1e4, certified.DEAD[CHANNEL])


def _constant_rounded_by_its_scale(content: Any) -> None:
    _, _, data = _constants(content)
    # 0.31 becomes 0.25. The largest constant would be cut off by the range of the output, which ends with it.
    _with_scale(content, 2, 0.25 / float(data.quantization.scale[0]), certified.DEAD[2])


def _made_alive(content: Any) -> None:
    kernel, _, _ = _constants(content)
    faults.array(content, kernel, "int8").reshape(kernel.shape)[CHANNEL, 0, 0, 0] = 1


def _constant_below_what_kernels_multiply_with(content: Any) -> None:
    """As if the library had kept its least scale, and the bias all of its 64 bits."""
    _with_scale(content, CHANNEL, 1e-9 / 127, certified.DEAD[CHANNEL])


@pytest.mark.parametrize("scheme", STATIC)
@pytest.mark.parametrize(
    ("edit", "check"),
    [
        (_live_zeroed, "weights"),
        (_live_zeroed_by_its_scale, "scales"),
        (_constant_dropped, "weights"),
        (_constant_changed, "weights"),
        (_constant_of_another, "weights"),
        (_constant_dropped_by_its_scale, "scales"),
        (_constant_rounded_by_its_scale, "scales"),
        (_made_alive, "weights"),
        (_constant_below_what_kernels_multiply_with, "scales"),
    ],
)
def test_dead_channels_are_no_place_to_hide(dying: Made, scheme: str, edit: faults.Edit, check: str) -> None:
    if edit is _constant_below_what_kernels_multiply_with and scheme == "static_wi8_ai8":
        check = "weights"  # of 32 bits
    for sound in (litert(dying, scheme), converted(dying, scheme)):
        report = certify(dying, faults.edited(sound, edit), scheme)
        found = [fault for fault in report["faults"] if fault["check"] == check]
        assert found
        assert {layer for fault in found for layer in fault["layers"]} >= {"pointwise_0"}


def test_a_live_channel_with_small_weights_is_not_dead(tmp_path: Path) -> None:
    """A millionth of the layer's largest weight, which belongs to a channel whose data is always 0."""
    x = features = keras.Input((16,), name="features")
    x = keras.layers.Dense(8, activation="relu", name="first")(x)
    x = keras.layers.Dense(8, activation="relu", name="second")(x)
    model = certified.randomised(keras.Model(features, keras.layers.Dense(4, name="out")(x), name="small"))
    weights, bias = model.get_layer("first").get_weights()
    weights[:, 0], bias[0] = 0, -1
    model.get_layer("first").set_weights([weights, bias])
    weights, bias = model.get_layer("second").get_weights()
    weights[0, 0] = 1e6
    model.get_layer("second").set_weights([weights, bias])
    made = make(model, tmp_path / "source")
    for scheme in STATIC:
        sound = litert(made, scheme)
        assert certify(made, sound, scheme)["faults"] == []
        zeroed = requantized.scaled(made.float32, sound, 1e4, channels=slice(3, 4), only="FULLY_CONNECTED")
        report = certify(made, zeroed, scheme)
        assert any("has no weights to speak of, and its constant is not kept" in fault["reason"] for fault in report["faults"])


@pytest.mark.parametrize(("kernel", "constant"), [(1e-33, 0.3), (1e-33, 0.01), (1e-12, 0.3)])
def test_a_layer_may_be_dead_as_a_whole(tmp_path: Path, kernel: float, constant: float) -> None:
    """A branch beside which the network goes on."""
    image = keras.Input((12, 12, 3), name="image")
    x = keras.layers.Conv2D(8, 3, padding="same", activation="relu", name="conv")(image)
    branch = keras.layers.BatchNormalization(name="norm")(keras.layers.Conv2D(8, 3, padding="same", name="branch")(x))
    x = keras.layers.GlobalAveragePooling2D(name="pool")(keras.layers.Add(name="add")([x, branch]))
    model = certified.randomised(keras.Model(image, keras.layers.Dense(4, name="out")(x), name="residual"))
    gamma, beta, mean, variance = model.get_layer("norm").get_weights()
    gamma[:], beta[:] = kernel, constant
    model.get_layer("norm").set_weights([gamma, beta, mean, variance])
    made = make(model, tmp_path / "source")
    for scheme in (*STATIC, "dynamic_wi8_afp32", "weightonly_wi8_afp32", "dynamic_wi4_afp32"):
        assert certify(made, litert(made, scheme), scheme, ranges=scheme in STATIC)["faults"] == []
        if scheme in schemes.SCHEMES["converter"]:
            assert certify(made, converted(made, scheme), scheme)["faults"] == []
    # Without the constant it is another network.
    sound = litert(made, "dynamic_wi8_afp32")

    def dropped(content: Any) -> None:
        bias = faults.tensor_of(content, faults.operators(content, "CONV_2D")[1], 2)
        faults.array(content, bias, "float32")[:] = 0

    assert not certify(made, faults.edited(sound, dropped), "dynamic_wi8_afp32")["passed"]


def test_a_table_may_be_clipped_to_what_was_looked_up(tmp_path: Path) -> None:
    """TFLiteConverter gives the table the range of its output on the representative dataset: the rows that it asked for."""
    start = keras.Input((6,), dtype="int32", name="words")
    x = keras.layers.Embedding(40, 8, name="table")(start)
    model = keras.Model(start, keras.layers.Dense(3, name="out")(keras.layers.Flatten()(x)))
    table, *rest = certified.randomised(model).get_layer("table").get_weights()
    table[30:] *= 3
    model.get_layer("table").set_weights([table, *rest])
    with helpers.quiet():
        model.save(tmp_path / "network.keras")

    def asked() -> Iterator[dict[str, np.ndarray]]:
        for first in range(25):
            yield {"words": np.arange(first, first + 6, dtype=np.int32)[None]}

    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    (tmp_path / "model.tflite").write_bytes(foreign.converted(converter, "int8", asked))
    report = audit.audit(tmp_path / "network.keras", tmp_path / "model.tflite")
    assert report["passed"], report["certificate"]["faults"]
    assert any(
        "of its values lie beyond what was looked up when ranges were measured" in line for line in report["certificate"]["also"]
    )
