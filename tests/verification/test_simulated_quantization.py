"""Formats simulated between the operators of a small network, against the same computed with NumPy."""

from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

from pipeline.runtime import interpreter
from pipeline.tflite import flatbuffer
from pipeline.verification import simulated_quantization as simulation
from pipeline.verification.simulated_quantization import Formats
from tests import certified
from tests.made import Made, litert, make


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    x = features = keras.Input((16,), name="features")
    x = layers.Dense(24, activation="relu", name="hidden")(x)
    network = certified.randomised(keras.Model(features, layers.Dense(5, name="out")(x), name="two_layers"))
    return make(network, tmp_path_factory.mktemp("simulated") / "source")


def codes(values: np.ndarray, scale: float, zero_point: int) -> np.ndarray:
    return (np.clip(np.rint(values / scale) + zero_point, -128, 127) - zero_point) * scale


def affine(values: np.ndarray) -> np.ndarray:
    """In the int8 format of their own range."""
    low, high = min(0.0, float(values.min())), max(0.0, float(values.max()))
    scale = (high - low) / 255
    return codes(values, scale, round(-128 - low / scale))


def symmetric(kernel: np.ndarray) -> np.ndarray:
    """A kernel [out, in] as int8 with a scale for each output channel."""
    scale = np.abs(kernel).max(1, keepdims=True) / 127
    return np.asarray(np.rint(kernel / scale) * scale)


def test_an_int8_network_by_hand(made: Made) -> None:
    graph = flatbuffer.read(made.float32)
    wanted = simulation.formats(graph, flatbuffer.read(litert(made, "static_wi8_ai8")))
    assert wanted.unknown is None
    features = made.samples["features"]
    rows = [interpreter.trace(made.float32, {"features": features[i : i + 1]}) for i in range(len(features))]
    ranges = {
        number: (min(float(row[number].min()) for row in rows), max(float(row[number].max()) for row in rows))
        for number in simulation.measured(graph, wanted)
    }
    found = interpreter.predict(simulation.simulate(made.float32, graph, wanted, ranges, {}), made.samples, workers=1)["out"]
    first, second = graph.operators
    kernels, biases = ([flatbuffer.real(graph.tensors[one.inputs[slot]]) for one in (first, second)] for slot in (1, 2))
    exact = np.maximum(features.astype(np.float64) @ kernels[0].T + biases[0], 0)
    assert ranges[first.outputs[0]][1] == pytest.approx(exact.max(), rel=1e-5)
    hidden = affine(np.maximum(affine(features.astype(np.float64)) @ symmetric(kernels[0]).T + biases[0], 0))
    out = hidden @ symmetric(kernels[1]).T + biases[1]
    # The formats of what flows are those of the exact values' ranges, not of these.
    low, high = ranges[second.outputs[0]]
    scale = (max(high, 0) - min(low, 0)) / 255
    expected = codes(out, scale, round(-128 - min(low, 0) / scale))
    # Ranges of the exact values, so that some codes next to a tie are the neighbours.
    assert np.abs(found - expected).max() <= 2 * scale
    assert np.mean(np.abs(found - expected) < scale / 2) > 0.8


def test_without_formats_it_is_the_network(made: Made) -> None:
    graph = flatbuffer.read(made.float32)
    nothing = Formats(constants={}, stored={}, dtypes={}, groups=[], read=[], unknown=None)
    same = simulation.simulate(made.float32, graph, nothing, {}, {})
    for name, array in interpreter.predict(made.float32, made.samples, workers=1).items():
        assert np.array_equal(array, interpreter.predict(same, made.samples, workers=1)[name])


def test_weights_in_half_precision_are_exactly_numpy_s(made: Made) -> None:
    graph = flatbuffer.read(made.float32)
    wanted = simulation.formats(graph, flatbuffer.read(litert(made, "float16")))
    assert {dtype for dtype, _ in wanted.constants.values()} == {"float16"}
    assert wanted.groups == []
    after = flatbuffer.read(simulation.simulate(made.float32, graph, wanted, {}, {}))
    for number, index in wanted.constants:
        exact = flatbuffer.real(graph.subgraphs[number].tensors[index])
        stored = flatbuffer.real(after.subgraphs[number].tensors[index])
        assert np.array_equal(stored, exact.astype(np.float16).astype(np.float32))


def test_a_dynamic_file_rounds_what_its_kernels_read(made: Made) -> None:
    graph = flatbuffer.read(made.float32)
    wanted = simulation.formats(graph, flatbuffer.read(litert(made, "dynamic_wi8_afp32")))
    assert sorted(wanted.read) == [(0, 0), (1, 0)]
    assert simulation.formats(graph, flatbuffer.read(litert(made, "weightonly_wi8_afp32"))).read == []


def test_a_tensor_that_is_brought_to_another_scale_has_the_coarser(tmp_path: Path) -> None:
    """Two branches of 1 and 100 are joined: LiteRT wants one scale for both, and the small one loses its resolution."""
    x = features = keras.Input((16,), name="features")
    small = layers.Dense(8, activation="sigmoid", name="small")(x)
    large = layers.Dense(8, name="large")(x)
    network = certified.randomised(keras.Model(features, layers.Concatenate(name="joined")([small, 100 * large]), name="scales"))
    made = make(network, tmp_path / "source")
    graph, model = flatbuffer.read(made.float32), litert(made, "static_wi8_ai8")
    wanted = simulation.formats(graph, flatbuffer.read(model))
    assert wanted.unknown is None
    (join,) = [operator for operator in graph.operators if operator.name == "CONCATENATION"]
    ranges = dict.fromkeys(simulation.measured(graph, wanted), (-1.0, 1.0)) | {join.inputs[1]: (-300.0, 300.0)}
    codes = simulation._codes(wanted, ranges)
    for number in (*join.inputs, *join.outputs):
        assert codes[number].scale == pytest.approx(600 / 255)
    (sigmoid,) = [operator for operator in graph.operators if operator.name == "LOGISTIC"]
    assert sigmoid.outputs[0] in join.inputs
    assert codes[sigmoid.inputs[0]].scale == pytest.approx(2 / 255)
