"""The network in parts: any tensor can be read, and any can be given instead of computed."""

from pathlib import Path

import keras
import numpy as np
import pytest

from pipeline.source import keras3, network, network_run
from pipeline.source.network_run import NetworkRun


def everything(count: int) -> np.ndarray:
    return np.arange(count)


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> tuple[NetworkRun, keras.Model]:
    keras.utils.set_random_seed(0)
    x = start = keras.Input((8,), name="start")
    x = keras.layers.Dense(6, activation="silu", name="first")(x)
    model = keras.Model(start, keras.layers.Dense(3, name="second")(x))
    folder = tmp_path_factory.mktemp("run") / "source"
    loaded = keras3.network_of(model, path=folder)
    network.export(loaded, folder, inputs=network.fixed(loaded.inputs, shapes={}, batch=1))
    return network_run.open_saved_model(folder, everything), model


def named(run: NetworkRun, part: str) -> str:
    (found,) = [reference for reference in run.reads if reference.endswith(part)]
    return found


def test_reads_what_keras_computes(opened: tuple[NetworkRun, keras.Model]) -> None:
    run, model = opened
    sample = np.random.default_rng(0).normal(size=(1, 8)).astype(np.float32)
    (output,) = run.run([run.outputs["second"]], {run.inputs["start"]: sample})
    np.testing.assert_allclose(output, np.asarray(model(sample)), rtol=1e-5)


def test_a_tensor_in_between_can_be_given(opened: tuple[NetworkRun, keras.Model]) -> None:
    run, model = opened
    kernel, bias = (np.asarray(weight) for weight in model.get_layer("second").weights)
    given = np.random.default_rng(1).normal(size=(1, 6)).astype(np.float32)
    product = named(run, "second_1/MatMul:0")
    (output,) = run.run([run.outputs["second"]], {run.reads[product][0]: given})
    np.testing.assert_allclose(output, given @ kernel + bias, rtol=1e-5, atol=1e-6)


def test_samples_are_entries_of_all_tensors_that_depend_on_an_input(opened: tuple[NetworkRun, keras.Model]) -> None:
    run, model = opened
    sample = np.ones((1, 8), np.float32)
    found = run.sample({"start": sample})
    shape, entries = found[run.outputs["second"]]
    assert shape == (1, 3)
    np.testing.assert_allclose(entries, np.asarray(model(sample)).ravel(), rtol=1e-5)


def test_of_large_tensors_only_the_positions_leave_tensorflow(tmp_path: Path) -> None:
    start = keras.Input((80, 80, 1), name="start")
    model = keras.Model(start, keras.layers.Rescaling(2.0, name="twice")(start))
    loaded = keras3.network_of(model, path=tmp_path)
    network.export(loaded, tmp_path / "source", inputs=network.fixed(loaded.inputs, shapes={}, batch=1))
    run = network_run.open_saved_model(tmp_path / "source", lambda count: np.arange(0, count, 1000))
    image = np.random.default_rng(0).random((1, 80, 80, 1), np.float32)
    shape, entries = run.sample({"start": image})[run.outputs["twice"]]
    assert shape == (1, 80, 80, 1)
    np.testing.assert_allclose(entries, 2 * image.ravel()[::1000])


def test_what_an_activation_with_its_own_gradient_reads_is_not_all_that_the_gradient_needs(
    opened: tuple[NetworkRun, keras.Model],
) -> None:
    """Keras wraps silu in an IdentityN of the result and the input: the second layer depends on the result alone."""
    run, _ = opened
    product = named(run, "second_1/MatMul:0")
    assert run.reads[product][0].rsplit("/", 1)[1].startswith("mul")


def test_values_that_an_operation_refuses(tmp_path: Path) -> None:
    start = keras.Input((2,), dtype="int32", name="start")
    model = keras.Model(start, keras.layers.Embedding(4, 3, name="table")(start))
    loaded = keras3.network_of(model, path=tmp_path)
    network.export(loaded, tmp_path / "source", inputs=network.fixed(loaded.inputs, shapes={}, batch=1))
    run = network_run.open_saved_model(tmp_path / "source", everything)
    with pytest.raises(RuntimeError, match=r"indices\[0,1\] = 99 is not in \[0, 4\)"):
        run.run([run.outputs["table"]], {run.inputs["start"]: np.array([[0, 99]], np.int32)})
