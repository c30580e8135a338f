"""Files whose operators round otherwise: the same networks but for a unit or a few in the last place."""

import keras
import numpy as np
import pytest
from keras import layers

from pipeline.runtime import interpreter
from pipeline.tflite import flatbuffer
from pipeline.tflite.rounding_between import rounded_otherwise
from tests.made import Made, make


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    keras.utils.set_random_seed(0)
    x = keras.Input((6, 6, 2), name="x")
    h = layers.Conv2D(4, 3, activation="relu", name="conv")(x)
    h = layers.Dense(5, name="dense")(layers.Flatten()(h))
    return make(keras.Model(x, {"y": h, "z": layers.Softmax()(h)}), tmp_path_factory.mktemp("plain") / "source")


def _steps(made: Made) -> list[float]:
    """Eight roundoffs, as of 64 products."""
    return [8 * 2.0**-24] * len(flatbuffer.read(made.float32).operators)


def test_every_result_moves_by_its_rounding_and_no_further(made: Made) -> None:
    before = interpreter.predict(made.float32, made.samples, workers=1)
    model = rounded_otherwise(made.float32, _steps(made), np.random.default_rng(0))
    after = interpreter.predict(model, made.samples, workers=1)
    assert set(after) == set(before)
    for name, values in before.items():
        off = np.abs(after[name] - values).max() / np.abs(values).max()
        assert 0 < off < 50 * 2.0**-24, name  # those before as well


def test_the_same_numbers_make_the_same_file_and_others_another(made: Made) -> None:
    first, again, other = (rounded_otherwise(made.float32, _steps(made), np.random.default_rng(seed)) for seed in (0, 0, 1))
    assert first == again != other


def test_behind_each_operator_of_floats_stands_a_product(made: Made) -> None:
    graph, model = (
        flatbuffer.read(made.float32),
        flatbuffer.read(rounded_otherwise(made.float32, _steps(made), np.random.default_rng(0))),
    )
    assert [operator.name for operator in model.operators[::2]] == [operator.name for operator in graph.operators]
    assert {operator.name for operator in model.operators[1::2]} == {"MUL"}
    assert (model.inputs, model.outputs) == (graph.inputs, graph.outputs)
