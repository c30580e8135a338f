import tempfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import UserError
from pipeline.runtime import interpreter
from tests.networks import Measured

INT8 = {"dtype": np.int8, "quantization": (0.5, -10)}


def test_quantized_by_hand() -> None:
    # 0.5 per step, zero point -10: 3.2 / 0.5 = 6.4, rounds to 6, -4; 1000 clips to 127.
    np.testing.assert_array_equal(
        interpreter.quantized(np.array([0.0, 3.2, 1000.0, -1000.0]), INT8), np.array([-10, -4, 127, -128], np.int8)
    )


def test_real_by_hand() -> None:
    np.testing.assert_array_equal(interpreter.real(np.array([-10, -4, 127], np.int8), INT8), np.array([0, 3, 68.5], np.float32))


@given(st.floats(-58.9, 68.4, allow_nan=False))
def test_there_and_back_is_within_half_a_step(value: float) -> None:
    back = interpreter.real(interpreter.quantized(np.array([value]), INT8), INT8)
    assert abs(float(back[0]) - value) <= 0.25 + 1e-6


def test_what_is_not_quantized_passes_through() -> None:
    detail = {"dtype": np.float32, "quantization": (0.0, 0)}
    values = np.array([1.5, -2.25], np.float32)
    assert interpreter.quantized(values, detail) is values
    assert interpreter.real(values, detail) is values


def test_bytes_that_are_no_model() -> None:
    with pytest.raises(UserError, match="LiteRT cannot run the file"):
        interpreter.open_model(b"\x00" * 64)


def test_activations_are_those_between_operators(digits: Measured) -> None:
    """The input and the output come out as they went in and as they are predicted; what is between is rectified."""
    graph = digits.graph
    source, result = (graph.tensors[next(iter(ends.values()))].name for ends in (graph.inputs, graph.outputs))
    between = graph.tensors[graph.operators[0].outputs[0]].name
    outputs = interpreter.predict(digits.model, digits.evaluation, workers=1)["probabilities"]
    samples = ({"image": digits.evaluation["image"][i : i + 1]} for i in range(3))
    for number, values in enumerate(interpreter.activations(digits.model, samples, {source, between, result})):
        assert set(values) == {source, between, result}
        np.testing.assert_array_equal(values[source], digits.evaluation["image"][number : number + 1])
        np.testing.assert_allclose(values[result][0], outputs[number], atol=1e-6)
        assert values[between].min() == 0
        assert values[between].max() > 0


@pytest.mark.parametrize("workers", [1, 2, 3])
@pytest.mark.parametrize("count", [1, 2, 3, 40])
def test_predicts_every_sample_once_in_its_place(
    digits: Measured, workers: int, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(interpreter, "_WORTH_A_THREAD_SECONDS", 0.0)
    samples = {name: array[:count] for name, array in digits.evaluation.items()}
    told: list[int] = []
    found = interpreter.predict(digits.model, samples, workers=workers, done=told.append)["probabilities"]
    runner = interpreter.open_model(digits.model)
    assert sum(told) == count
    for i in range(count):
        np.testing.assert_array_equal(found[i : i + 1], runner(image=samples["image"][i : i + 1])["probabilities"])


@pytest.mark.parametrize("count", [1, 4, 5, 23])
def test_a_batch_that_is_not_full_is_filled_up(count: int) -> None:
    """A file whose output tells which rows of a batch it saw."""
    from pipeline.source.tensorflow_setup import tf

    traced = tf.function(lambda x: {"sum": tf.tile(tf.reduce_sum(x, 0, keepdims=True), [4, 1]) + 0 * x, "same": x + 0.0})
    concrete = traced.get_concrete_function(tf.TensorSpec([4, 2], tf.float32, "x"))
    module = tf.Module()
    module.f = traced
    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(module, folder, signatures=concrete)
        model = tf.lite.TFLiteConverter.from_saved_model(folder).convert()
    x = np.arange(2.0 * count, dtype=np.float32).reshape(count, 2)
    assert interpreter.batch_of(model) == (4, 2 * 2 * 4)
    found = interpreter.predict(model, {"x": x}, workers=2)
    np.testing.assert_array_equal(found["same"], x)
    parts = [interpreter.predict_shard({"x": x[i : i + 8]}, model) for i in range(0, count, 8)]
    for name, array in found.items():
        assert np.concatenate([part[name] for part in parts]).tobytes() == array.tobytes()
    padded = np.concatenate([x, np.repeat(x[-1:], -count % 4, 0)])
    sums = padded.reshape(-1, 4, 2).sum(1).repeat(4, 0)[:count]
    np.testing.assert_array_equal(found["sum"], sums)
