"""Made the files in this folder, once: two small networks, and what TensorFlow's converters of several years make of them.

For each of 2.12.1, 2.16.2 and 2.18.1 (2.14.1 writes what 2.12.1 does), in an environment of its own (Python 3.11):

    python3.11 -m venv /tmp/tf && /tmp/tf/bin/pip install tensorflow-cpu==VERSION && /tmp/tf/bin/python make.py

The first of them also writes the networks (Keras 2, .h5). All have the same weights. Versions before 2.16 convert from the Keras
model, later ones from a SavedModel (their `from_keras_model` aborts on some networks of Keras 3); `v1` is the converter of
TensorFlow 1, whose files have no signature.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

HERE = Path(__file__).parent
VERSION = ".".join(tf.__version__.split(".")[:2])
keras = tf.keras
layers = keras.layers


def conv() -> Any:
    x = image = keras.Input((8, 8, 3), name="image")
    x = layers.Conv2D(6, 3, padding="same", name="conv")(x)
    x = layers.BatchNormalization(name="conv_bn")(x)
    x = layers.ReLU(name="relu")(x)
    x = layers.MaxPooling2D(name="pool")(x)
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dense(8, activation="relu", name="hidden")(x)
    return keras.Model(image, layers.Dense(4, activation="softmax", name="probabilities")(x), name="conv")


def depthwise() -> Any:
    x = image = keras.Input((8, 8, 3), name="image")
    x = layers.Conv2D(4, 3, strides=2, padding="same", use_bias=False, name="first")(x)
    x = layers.BatchNormalization(name="first_bn")(x)
    x = layers.ReLU(6.0, name="first_relu")(x)
    x = layers.DepthwiseConv2D(3, padding="same", use_bias=False, name="depthwise")(x)
    x = layers.BatchNormalization(name="depthwise_bn")(x)
    x = layers.ReLU(6.0, name="depthwise_relu")(x)
    x = layers.Conv2D(8, 1, use_bias=False, name="pointwise")(x)
    x = layers.BatchNormalization(name="pointwise_bn")(x)
    x = layers.ReLU(6.0, name="pointwise_relu")(x)
    x = layers.GlobalAveragePooling2D(name="mean")(x)
    return keras.Model(image, layers.Dense(3, name="scores")(x), name="depthwise")


def with_weights(model: Any) -> Any:
    rng = np.random.default_rng(0)
    for layer in model.layers:
        arrays = layer.get_weights()
        if isinstance(layer, layers.BatchNormalization):
            shape = arrays[0].shape
            layer.set_weights(
                [0.5 + rng.random(shape), 0.3 * rng.normal(size=shape), 0.3 * rng.normal(size=shape), 0.5 + rng.random(shape)]
            )
        elif arrays:
            layer.set_weights(
                [rng.normal(size=a.shape) * (0.3 if a.ndim < 2 else 1 / np.sqrt(np.prod(a.shape[:-1]))) for a in arrays]
            )
    return model


def samples() -> Iterator[list[np.ndarray]]:
    rng = np.random.default_rng(1)
    for _ in range(8):
        yield [rng.normal(size=(1, 8, 8, 3)).astype(np.float32)]


def configured(converter: Any, kind: str) -> Any:
    if kind.startswith("int8"):
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = samples
    if kind == "int8_io":
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = tf.int8
    return converter


def converters(model: Any, name: str) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Converters by the word for them."""
    if VERSION >= "2.16":
        model.export(f"/tmp/converters_{name}")
        yield "saved", lambda: tf.lite.TFLiteConverter.from_saved_model(f"/tmp/converters_{name}")
    else:
        yield "keras", lambda: tf.lite.TFLiteConverter.from_keras_model(model)
        yield "v1", lambda: tf.compat.v1.lite.TFLiteConverter.from_keras_model_file(str(HERE / f"{name}.h5"))


for build in (conv, depthwise):
    name, model = build.__name__, with_weights(build())
    if VERSION == "2.12":
        model.save(HERE / f"{name}.h5", include_optimizer=False)
    for word, made in converters(model, name):
        for kind in ("float32", "int8", "int8_io"):
            if word != "v1" or kind != "int8_io":
                (HERE / f"{name}-{VERSION}-{word}-{kind}.tflite").write_bytes(configured(made(), kind).convert())
