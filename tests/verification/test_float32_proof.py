"""The float32 file is explained by the network alone."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from pipeline.verification import float32_proof
from tests import certified, faults
from tests.made import Made, beside_samples, certify, make, named


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64", "mixed_float16"])
def test_a_network_that_was_rewritten_to_float32(dtype: str, tmp_path: Path) -> None:
    """Its weights are constants of the exported graph; batch normalisation is followed all the same."""
    layers = keras.layers
    image = keras.Input((8, 8, 3), name="image", dtype="float32" if dtype.startswith("mixed") else dtype)
    x = layers.Conv2D(8, 3, name="conv", dtype=dtype)(image)
    x = layers.ReLU(name="relu", dtype=dtype)(layers.BatchNormalization(name="bn", dtype=dtype)(x))
    out = layers.Dense(4, name="out", dtype=dtype)(layers.Flatten(name="flat", dtype=dtype)(x))
    made = make(certified.randomised(keras.Model(image, out)), tmp_path / "source")
    report = certify(made, made.float32, "float32")
    assert report["passed"]
    kernel = 3 * 3 * 3 * 8
    assert report["parameters"]["folded"] == kernel + 8 + 4 * 8  # kernel, bias, and the four of batch normalisation
    assert report["parameters"]["exact"] == 6 * 6 * 8 * 4 + 4
    assert report["parameters"]["absent"] == 0


def test_a_savedmodel_without_keras(tmp_path: Path) -> None:
    from pipeline.source import inference_graph, network, saved_model
    from pipeline.source.tensorflow_setup import tf

    rng = np.random.default_rng(0)

    class Plain(tf.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.kernel = tf.Variable(rng.normal(size=(3, 3, 2, 4)).astype(np.float32), name="kernel")
            self.scale = tf.Variable(rng.random(4).astype(np.float32) + 0.5, name="scale")
            self.offset = tf.Variable(rng.normal(size=4).astype(np.float32), name="offset")
            self.dense = tf.Variable(rng.normal(size=(144, 3)).astype(np.float32), name="dense")

        @tf.function(input_signature=[tf.TensorSpec([1, 6, 6, 2], tf.float32, name="x")])  # type: ignore[untyped-decorator]
        def serve(self, x: Any) -> Any:
            y = tf.nn.conv2d(x, self.kernel, 1, "SAME")
            zeros = tf.zeros(4)
            y = tf.nn.batch_normalization(y, zeros, tf.ones(4), self.offset, self.scale, 1e-3)
            return {"y": tf.matmul(tf.reshape(tf.nn.relu(y), [1, 144]), self.dense)}

    module = Plain()
    tf.saved_model.save(module, str(tmp_path / "plain"), signatures={"serving_default": module.serve})
    loaded = saved_model.load(tmp_path / "plain", signature=None)
    inputs = network.fixed(loaded.inputs, shapes={}, batch=1)
    outputs, _ = network.export(loaded, tmp_path / "source", inputs=inputs)
    graph, constants = inference_graph.read(tmp_path / "source", loaded.weights)
    source = float32_proof.Source(
        graph=graph,
        constants=constants,
        weights=loaded.weights,
        layers=[],
        signature={"key": "serving_default", "inputs": network.signature(inputs), "outputs": network.signature(outputs)},
        numbered=False,
    )
    samples = {"x": rng.normal(size=(8, 6, 6, 2)).astype(np.float32)}
    made = beside_samples(tmp_path / "source", source, samples)
    report = certify(made, made.float32, None, None)
    assert report["faults"] == []
    assert report["parameters"]["accounted"] == 72 + 4 + 4 + 432
    assert report["parameters"]["folded"] == 72 + 8
    wrong = faults.edited(made.float32, faults.weight("FULLY_CONNECTED", 0, "float32"))
    report = certify(made, wrong, None, None)
    assert [row["path"] for row in report["variables"] if not row["passed"]] == ["dense"]


@pytest.mark.parametrize("fault", [name for name in faults.FAULTS if name != "two layers' weights swapped"])
def test_each_fault_is_seen_without_a_sound_file_beside_it(nets: Callable[[str], Made], fault: str) -> None:
    """The float32 file itself is wrong: only the network's own graph can tell."""
    made = nets("convolutions")
    edit, layers = faults.FAULTS[fault]
    wrong = faults.edited(made.float32, edit("float32"))
    report = certify(replace(made, float32=wrong), wrong, None, None)
    assert not report["passed"]
    assert layers <= named(report)


def test_a_wrong_epsilon(nets: Callable[[str], Made], tmp_path: Path) -> None:
    """The same weights folded with another epsilon, as a converter would that takes Keras' default for granted."""
    made = nets("convolutions")
    model = certified.convolutions()
    config = model.get_config()
    layer = next(entry for entry in config["layers"] if entry["config"]["name"] == "bn_no_scale")
    assert layer["config"]["epsilon"] == 0.02
    layer["config"]["epsilon"] = 1e-3
    other = make(certified.randomised(keras.Model.from_config(config)), tmp_path / "other")
    report = certify(made, other.float32, "float32")
    assert {"bn_no_scale", "strided"} <= named(report)
    wrong = {row["path"] for row in report["variables"] if not row["passed"]}
    assert {"strided/kernel", "bn_no_scale/moving_variance"} <= wrong
    assert not any(path.startswith(("conv/", "dense", "first", "second")) for path in wrong)
