"""Fixing shapes, and exporting a network so that it computes the same by name."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.errors import UserError
from pipeline.source import keras3, network, reference_run, saved_model
from pipeline.source.tensorflow_setup import tf

import keras  # isort: skip


def a_network(*, inputs: dict[str, Any], call: Any, outputs: dict[str, Any]) -> network.Network:
    return network.Network(inputs=inputs, outputs=outputs, call=call, variables=[], weights={}, layers=[], parameters=0)


SPECS = {"zeta": tf.TensorSpec([None, 3], tf.float32), "alpha": tf.TensorSpec([None, None], tf.float32)}


@pytest.mark.parametrize("batch", [1, 4, None])
def test_the_exported_network_computes_the_same_by_name(tmp_path: Path, batch: int | None) -> None:
    def call(values: dict[str, Any]) -> dict[str, Any]:
        return {"two": values["zeta"][:, :2] - values["alpha"], "one": 2.0 * values["zeta"]}

    made = a_network(inputs=SPECS, call=call, outputs={"two": None, "one": None})
    inputs = network.fixed(made.inputs, shapes={"alpha": [2]}, batch=batch)
    outputs, rewritten = network.export(made, tmp_path / "saved", inputs=inputs)
    assert [(entry["name"], entry["shape"]) for entry in network.signature(outputs)] == [("two", [batch, 2]), ("one", [batch, 3])]
    assert rewritten == []
    rng = np.random.default_rng(0)
    samples = {"alpha": rng.normal(size=(7, 2)).astype(np.float32), "zeta": rng.normal(size=(7, 3)).astype(np.float32)}
    rows = list(reference_run.run_saved_model(tmp_path / "saved", samples, batch=batch))
    np.testing.assert_array_equal(np.stack([row["one"] for row in rows]), 2 * samples["zeta"])
    np.testing.assert_array_equal(np.stack([row["two"] for row in rows]), samples["zeta"][:, :2] - samples["alpha"])


def test_double_precision_becomes_float32(tmp_path: Path) -> None:
    specs = {"x": tf.TensorSpec([None, 2], tf.float64)}
    made = a_network(inputs=specs, call=lambda values: {"y": values["x"] / 3.0}, outputs={"y": None})
    outputs, rewritten = network.export(made, tmp_path / "saved", inputs=network.fixed(specs, shapes={}, batch=1))
    assert rewritten == ["float64"]
    assert network.signature(outputs) == [{"name": "y", "shape": [1, 2], "dtype": "float32"}]
    (row,) = reference_run.run_saved_model(tmp_path / "saved", {"x": np.ones((1, 2), np.float32)}, batch=1)
    np.testing.assert_allclose(row["y"], [1 / 3, 1 / 3], rtol=1e-7)


@pytest.mark.parametrize(
    ("shapes", "batch", "message"),
    [
        ({"beta": [2]}, 1, "model.inputs: the network has no input 'beta'; has: zeta, alpha"),
        ({}, 1, r"input alpha leaves dimensions free: \[None\]; fix them in conf/model/, as in inputs: {alpha: \[64\]}"),
        ({"alpha": [2], "zeta": [4]}, 1, r"model.inputs.zeta: \[4\] does not fit the network's \[3\]"),
        ({"alpha": [2, 2]}, 1, r"model.inputs.alpha: \[2, 2\] does not fit the network's \[None\]"),
    ],
)
def test_shapes_that_do_not_fit(shapes: dict[str, Sequence[int]], batch: int, message: str) -> None:
    with pytest.raises(UserError, match=message):
        network.fixed(SPECS, shapes=shapes, batch=batch)


def test_an_output_without_a_batch(tmp_path: Path) -> None:
    specs = {"x": tf.TensorSpec([None, 2], tf.float32)}
    made = a_network(inputs=specs, call=lambda values: {"y": tf.reduce_sum(values["x"])}, outputs={"y": None})
    with pytest.raises(UserError, match=r"output y has shape \(\); its first dimension must count samples"):
        network.export(made, tmp_path / "saved", inputs=network.fixed(specs, shapes={}, batch=1))


def test_a_state_between_calls_is_refused(tmp_path: Path) -> None:
    sound = keras.Input((6, 3), batch_size=1, name="sound")
    loaded = keras3.network_of(keras.Model(sound, keras.layers.LSTM(4, stateful=True, name="memory")(sound)), path=tmp_path)
    with pytest.raises(UserError, match=r"model\.path: the network keeps a state between calls \(memory/rnn_state.*stateful=False"):
        network.trace(loaded, inputs=network.fixed(loaded.inputs, shapes={}, batch=1))


def test_a_table_is_refused(tmp_path: Path) -> None:
    words = keras.Input((4,), dtype="int32", name="words")
    known = keras.layers.IntegerLookup(vocabulary=[3, 4, 5])
    loaded = keras3.network_of(keras.Model(words, keras.layers.Embedding(8, 2)(known(words))), path=tmp_path)
    with pytest.raises(UserError, match=r"model\.path: the network looks up a table \(LookupTableFindV2\)"):
        network.trace(loaded, inputs=network.fixed(loaded.inputs, shapes={}, batch=1))


def test_a_saved_model_with_gradients_of_its_own_is_exported_again(tmp_path: Path) -> None:
    """Swish of Keras 3: its gradient holds a capture that TensorFlow cannot write a second time; inference needs none."""
    image = keras.Input((3,), name="x")
    keras.Model(image, keras.layers.Dense(4, activation="swish")(image)).export(tmp_path / "given", verbose=False)
    loaded = saved_model.load(tmp_path / "given", signature=None)
    network.export(loaded, tmp_path / "saved", inputs=network.fixed(loaded.inputs, shapes={}, batch=1))
    rows = reference_run.run_saved_model(tmp_path / "saved", {"x": np.zeros((2, 3), np.float32)}, batch=1)
    assert [row.tolist() for given in rows for row in given.values()] == [[0.0] * 4] * 2
