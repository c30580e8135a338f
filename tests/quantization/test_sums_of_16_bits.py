from dataclasses import replace

import keras
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from pipeline.quantization import sums_of_16_bits
from pipeline.runtime import interpreter
from pipeline.verification import fidelity
from tests.made import Made, certify, litert, make


@pytest.fixture(scope="module", params=["add", "subtract"])
def centred(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Brings pictures from 0..1 to -1..1: all scales are powers of two / 32767."""
    keras.utils.set_random_seed(5)
    image = keras.Input((6, 6, 1), name="image")
    h = 2 * image
    h = h + (-1.0) if request.param == "add" else h - 1.0
    h = keras.layers.Conv2D(8, 3, activation="relu", padding="same")(h)  # without padding the sum becomes a part of the bias
    out = keras.layers.Dense(4, name="out")(keras.layers.Flatten()(h))
    made = make(keras.Model(image, out), tmp_path_factory.mktemp("centred"))
    pictures = np.random.default_rng(0).uniform(size=(8, 6, 6, 1)).astype(np.float32)
    pictures[:, 0, :2, 0] = 0, 1  # both ends of the range
    return replace(made, samples={"image": pictures})


def test_the_file_runs_and_is_the_network(centred: Made) -> None:
    made = litert(centred, "static_wi8_ai16")
    expected, found = (interpreter.predict(file, centred.samples, workers=1)["out"] for file in (centred.float32, made))
    value = fidelity.measure(expected, found)["sqnr_db"]
    assert value is not None
    assert value > 35
    assert certify(centred, made, "static_wi8_ai16", ranges=True)["passed"]


def test_without_it_the_file_does_not_run(centred: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    """When this fails, litert-quantizer has learned it, and the module can go."""
    monkeypatch.setattr(sums_of_16_bits, "general", lambda model: model)
    with pytest.raises(RuntimeError, match="input1_shift <= 0"):
        Interpreter(model_content=litert(centred, "static_wi8_ai16")).allocate_tensors()


def test_other_files_keep_their_bytes(centred: Made) -> None:
    for model in (centred.float32, litert(centred, "static_wi8_ai8"), litert(centred, "static_wi8_ai16")):
        assert sums_of_16_bits.general(model) == model
    assert np.isfinite(interpreter.predict(litert(centred, "static_wi8_ai8"), centred.samples, workers=1)["out"]).all()
