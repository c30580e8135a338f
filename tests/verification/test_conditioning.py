"""A network whose sum cancels on silent samples, with a logarithm behind it."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from pipeline.cli import audit
from pipeline.runtime import interpreter
from pipeline.verification import conditioning, judgement
from tests.made import Made, make


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """The logarithm of the power of a wave of 64 values at eight frequencies; a constant level has none."""
    wave = keras.Input((64,), name="wave")
    dense = layers.Dense(8, use_bias=False, name="frequencies")
    power = dense(wave)
    network = keras.Model(wave, ops.log(power * power + 1e-20), name="spectrum")
    angles = 2 * np.pi * np.outer(np.arange(64), np.arange(1, 9)) / 64
    dense.set_weights([np.cos(angles).astype(np.float32)])
    return make(network, tmp_path_factory.mktemp("spectrum") / "source")


def waves() -> np.ndarray:
    found = np.random.default_rng(0).normal(size=(20, 64)).astype(np.float32)
    found[7] = 0.3
    return found


def test_a_silent_sample_moves_and_no_other(made: Made) -> None:
    found = conditioning.moves(made.float32, {"wave": waves()}, np.arange(20))
    (moved,) = found.values()
    assert moved[7] > 0.5
    assert np.delete(moved, 7).max() < 1e-2


def test_the_float32_file_is_not_accused_for_it(made: Made) -> None:
    """The network added in another order, which numpy does here, differs by a lot on the silent sample."""
    samples = {"wave": waves()}
    (name,) = made.proof.graph.outputs
    predicted = interpreter.predict(made.float32, samples, workers=1)
    angles = 2 * np.pi * np.outer(np.arange(64), np.arange(1, 9)) / 64
    kernel = np.cos(angles).astype(np.float32)
    power = np.add.reduce(samples["wave"][:, ::-1, None] * kernel[::-1], axis=1, dtype=np.float32)
    reference = np.log(power * power + np.float32(1e-20))
    assert np.abs(reference - predicted[name])[7].max() > 0.5

    def judged(other: np.ndarray) -> dict[str, object]:
        given = judgement.Outputs(
            samples=samples, ids=[f"clip{i}" for i in range(20)], reference={name: reference}, predicted={name: other}
        )
        report = judgement.judge(
            made.source,
            made.float32,
            made.float32,
            scheme="float32",
            io_dtype=None,
            algorithm=None,
            measured=None,
            outputs=given,
            limits=audit.limits(),
        )
        (row,) = [row for row in report["checks"] if row["name"] == "max_abs_error"]
        return dict(row)

    row = judged(predicted[name])
    assert row["passed"], row["reason"]
    assert "ill-conditioned samples (clip7)" in str(row["reason"])
    wrong = predicted[name].copy()
    wrong[3] += 0.1
    assert not judged(wrong)["passed"]


@pytest.mark.parametrize("value", [0.3, -2.0, 0.0])
def test_rounding_moves_a_value_by_one_unit_in_the_last_place(value: float) -> None:
    array = np.array([[value, 4.0]], np.float32)
    seen: set[float] = set()
    for seed in range(8):
        seen.update(conditioning.rounded(array, np.random.default_rng(seed))[:, 0].tolist())
    unit = float(np.spacing(np.float32(abs(value) or 4.0)))
    assert {round((other - float(array[0, 0])) / unit, 1) for other in seen} <= {-1.0, 1.0, -0.5, 0.5}
    assert len(seen) == 2


def test_integers_and_silence_stay() -> None:
    rng = np.random.default_rng(0)
    for array in (np.arange(6, dtype=np.int32).reshape(2, 3), np.zeros((2, 3), np.float32)):
        assert np.array_equal(conditioning.rounded(array, rng), array)


@pytest.fixture(scope="module")
def normalised(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A convolution and an instance normalisation, which makes of a flat picture the rounding of the convolution's sums."""
    keras.utils.set_random_seed(0)
    picture = keras.Input((8, 8, 3), name="picture")
    hidden = layers.Conv2D(8, 3, bias_initializer="ones", name="conv")(picture)
    mean = ops.mean(hidden, (1, 2), keepdims=True)
    varies = ops.mean(ops.square(hidden - mean), (1, 2), keepdims=True)
    network = keras.Model(picture, (hidden - mean) / ops.sqrt(varies + 1e-10), name="style")
    return make(network, tmp_path_factory.mktemp("style") / "source")


def pictures() -> np.ndarray:
    """Noise, but for the last four: next to black, so that a unit in the last place of the input is nothing beside the bias."""
    rng = np.random.default_rng(1)
    found = rng.uniform(size=(12, 8, 8, 3))
    found[8:] *= 1e-5
    return found.astype(np.float32)


def in_another_order(made: Made, samples: np.ndarray) -> np.ndarray:
    """The network as numpy adds it up, from the bias on and backwards."""
    (kernel,) = (values for values in made.source.weights.values() if values.ndim == 4)
    hidden = np.ones((len(samples), 6, 6, kernel.shape[-1]), np.float32)
    for i in reversed(range(3)):
        for j in reversed(range(3)):
            for c in reversed(range(3)):
                hidden += samples[:, i : i + 6, j : j + 6, c, None] * kernel[i, j, c]
    mean = hidden.mean((1, 2), keepdims=True)
    return (hidden - mean) / np.sqrt(np.square(hidden - mean).mean((1, 2), keepdims=True) + np.float32(1e-10))


def test_rounding_between_operators_moves_a_network_where_its_input_does_not(normalised: Made) -> None:
    samples = pictures()
    (predicted,) = interpreter.predict(normalised.float32, {"picture": samples}, workers=1).values()
    off = np.abs(predicted - in_another_order(normalised, samples)).reshape(12, -1).max(1)
    (moved,) = conditioning.moves(normalised.float32, {"picture": samples}, np.arange(12)).values()
    assert off[8:].min() > 1e-3
    assert (moved[8:] >= 0.5 * off[8:]).all()
    assert max(off[:8].max(), moved[:8].max()) < 1e-4  # and no other is excused
