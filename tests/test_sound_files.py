"""What is no trick loads without trust: functions of TensorFlow and Keras by name, wrappers, nested models, all kinds."""

import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.source import config_trust, graph_trust, loaders
from pipeline.source.tensorflow_setup import tf
from tests.kinds.table import KINDS

import keras  # isort: skip
import tf_keras  # isort: skip

pytestmark = [
    pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file"),
    pytest.mark.filterwarnings("ignore:The `keras.initializers.serialize"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


def functions(x: Any) -> Any:
    """Functions of TensorFlow on tensors of Keras 2, each of which becomes a layer."""
    a, b = tf.split(tf.nn.relu(x) + x * 2.0 - 1.0, 2, axis=-1)
    c = tf.image.resize(tf.concat([a, b], -1), (4, 4))
    c = tf.math.sigmoid(c[:, 1:, ::2]) / (1.0 + tf.abs(-c[:, 1:, ::2]))
    c = tf.pad(tf.transpose(c, [0, 3, 1, 2]), [[0, 0], [0, 0], [1, 1], [0, 0]])
    c = tf.where(c > 0.1, tf.exp(c), tf.zeros_like(c)) ** 2.0
    d = tf.reshape(tf.reduce_mean(c, axis=[2, 3]), [-1, 2])
    d = tf.matmul(d, tf.ones((2, 3))) + tf.cast(tf.argmax(d, -1)[:, tf.newaxis], tf.float32)
    d = tf.stack([tf.maximum(d, 0.5), tf.clip_by_value(d, 0, 1)], axis=1) @ tf.eye(3)
    d = tf.squeeze(tf.expand_dims(tf.gather(d, [0], axis=1), -1), [1, 3])
    d = tf.nn.softmax(tf.math.l2_normalize(d, axis=-1)) + tf.linalg.matvec(tf.ones((3, 3)), d)
    return tf.tensordot(tf.tile(d, [1, 1]), tf.ones((3, 3)), 1) + tf.reduce_sum(d, axis=-1, keepdims=True)


def keras2() -> Any:
    x = tf_keras.Input((4, 4, 2), name="x")
    inside = tf_keras.Sequential([tf_keras.layers.Dense(2, activation="gelu", kernel_regularizer="l2"), tf_keras.layers.ReLU()])
    y = tf_keras.layers.TimeDistributed(tf_keras.layers.Conv1D(2, 1, activation=tf_keras.activations.swish))(inside(x))
    model = tf_keras.Model(x, tf_keras.layers.Dense(2, bias_initializer=tf.constant_initializer(0.5))(functions(y)))
    model.compile(tf_keras.optimizers.Adam(), loss=tf_keras.losses.Huber(), metrics=["mae"])
    return model


def keras3() -> Any:
    ops = keras.ops
    x = keras.Input((4, 4, 2), name="x")
    inside = keras.Sequential([keras.layers.Dense(2, activation=keras.activations.gelu, kernel_constraint="max_norm")])
    y = keras.layers.TimeDistributed(keras.layers.Conv1D(2, 1, activation=ops.relu))(inside(x))
    y = ops.concatenate([y + 1, ops.abs(y) * 2, y[:, :, ::1]], -1)
    y = ops.where(y > 0, ops.image.resize(y, (4, 4)), ops.zeros_like(y))
    y = keras.layers.Bidirectional(keras.layers.GRU(3, recurrent_regularizer=keras.regularizers.L1L2(0.1)))(
        ops.reshape(y, (-1, 16, 6))
    )
    y = keras.layers.Lambda(keras.ops.tanh)(y)
    model = keras.Model(x, keras.layers.Dense(2, dtype=keras.DTypePolicy("float32"))(y))
    model.compile(keras.optimizers.Adam(keras.optimizers.schedules.ExponentialDecay(0.1, 1, 0.9)), loss="mse")
    return model


@pytest.mark.parametrize(("build", "name"), [(keras2, "m.h5"), (keras2, "m.keras"), (keras3, "m.keras")])
def test_loads_and_computes_the_same(build: Callable[[], Any], name: str, tmp_path: Path) -> None:
    model = build()
    model.save(tmp_path / name)
    _, network = loaders.load(tmp_path / name, custom={})
    x = np.random.default_rng(0).normal(size=(1, 4, 4, 2)).astype(np.float32)
    (found,) = network.call({"x": tf.constant(x)}).values()
    np.testing.assert_allclose(found, model(x), rtol=1e-5, atol=1e-6)


# Classes of the tests' own, lambdas, and what runs something else.
NEED_TRUST = {"Lambda", "TFSMLayer", "Wrapper", "Layer", "subclassed", "ops scan", "ops map", "ops vectorized_map"}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:The object being serialized includes a `lambda`")
@pytest.mark.filterwarnings("ignore:Layer '.*was passed an input with a mask")
@pytest.mark.parametrize("name", [name for name, row in KINDS.items() if not row.slow])
def test_every_kind_of_network_is_sound(name: str, tmp_path: Path) -> None:
    built = KINDS[name].build()
    if isinstance(built, keras.Model):
        # What Keras cannot save (a layer made of a function) is exported only.
        with contextlib.suppress(NotImplementedError):
            config = json.loads(json.dumps(keras.saving.serialize_keras_object(built), default=str))
            own = {place.missing for place in config_trust.places(config, own=()) if "tests.kinds" in place.what}
            assert config_trust.places(config, own=own) == [] or name in NEED_TRUST
        if name in ("LSTM stateful", "ops unfold"):  # cannot be exported with a free batch
            return
        built.export(tmp_path / "m", verbose=False)
    else:
        tf.saved_model.save(built[0], str(tmp_path / "m"), signatures=built[1])
    graph_trust.refuse(tmp_path / "m")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["MobileNetV3Small", "EfficientNetV2B0", "ConvNeXtTiny", "InceptionResNetV2", "NASNetMobile"])
def test_applications_of_keras2_are_sound(name: str) -> None:
    """By their configurations: most of their layers are functions of TensorFlow by name, some their own."""
    model = getattr(tf_keras.applications, name)(weights=None)
    own = tf_keras.saving.get_custom_objects()
    assert config_trust.places(json.loads(model.to_json()), own=own) == []
    assert config_trust.places(json.loads(json.dumps(tf_keras.saving.serialize_keras_object(model), default=str)), own=own) == []
