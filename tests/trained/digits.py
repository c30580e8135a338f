"""Networks on the digits of the shipped example: trained on its training split, judged on the others."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from tests.helpers import ROOT
from tests.trained.network import LOGITS, WITH_CONVERTER, Network, head, heads


def split() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Images float32 [n, 8, 8, 1] in 0..1 and labels int64 [n] of the training split, and of the others."""
    data = np.load(ROOT / "data" / "digits.npz")
    x, y, seen = data["images"].astype(np.float32) / 16, data["labels"], data["split"] == "train"
    return x[seen], y[seen], x[~seen], y[~seen]


def resnet(file: Path) -> dict[str, np.ndarray]:
    """Three residual blocks with batch normalisation, one of them with a projection."""
    import keras

    layers = keras.layers
    keras.utils.set_random_seed(11)

    def convolved(h: Any, filters: int, width: int, strides: int = 1) -> Any:
        h = layers.Conv2D(filters, width, strides=strides, padding="same", use_bias=False)(h)
        return layers.BatchNormalization(momentum=0.9)(h)

    image = keras.Input((8, 8, 1), name="x")
    h = layers.ReLU()(convolved(image, 16, 3))
    for filters, strides in ((16, 1), (32, 2), (32, 1)):
        beside = h if h.shape[-1] == filters else convolved(h, filters, 1, strides)
        inner = convolved(layers.ReLU()(convolved(h, filters, 3, strides)), filters, 3)
        h = layers.ReLU()(layers.Add()([inner, beside]))
    scores = layers.Dense(10, activation="softmax", name="scores")(layers.GlobalAveragePooling2D()(h))
    model = keras.Model(image, scores, name="resnet")
    x, y, held, labels = split()
    model.compile(keras.optimizers.Adam(0.003), "sparse_categorical_crossentropy")
    model.fit(x, y, epochs=15, verbose=0)
    model.save(file)
    return {"x": held, "y": labels}


def two_outputs(file: Path) -> dict[str, np.ndarray]:
    """The digit, and how much ink there is."""
    import keras

    layers = keras.layers
    keras.utils.set_random_seed(12)
    image = keras.Input((8, 8, 1), name="x")
    h = layers.Conv2D(16, 3, activation="relu", padding="same")(image)
    h = layers.Flatten()(layers.MaxPooling2D()(h))
    h = layers.Dense(32, activation="relu")(h)
    outputs = {"digit": layers.Dense(10, activation="softmax", name="digit")(h), "ink": layers.Dense(1, name="ink")(h)}
    model = keras.Model(image, outputs, name="two_outputs")
    model.compile(keras.optimizers.Adam(0.003), {"digit": "sparse_categorical_crossentropy", "ink": "mse"})
    x, y, held, labels = split()
    model.fit(x, {"digit": y, "ink": _ink(x)}, epochs=20, verbose=0)
    model.save(file)
    return {"x": held, "digit": labels, "ink": _ink(held)}


def _ink(images: np.ndarray) -> np.ndarray:
    return images.astype(np.float64).sum((1, 2, 3)) / 10


def embedding(file: Path) -> dict[str, np.ndarray]:
    """A unit vector of 32 for each image, trained with a cosine classifier that is not kept; nobody has labels for vectors."""
    import keras

    layers = keras.layers
    keras.utils.set_random_seed(13)
    image = keras.Input((8, 8, 1), name="x")
    h = layers.Conv2D(16, 3, activation="relu", padding="same")(image)
    h = layers.Conv2D(24, 3, activation="relu", strides=2, padding="same")(h)
    h = layers.Dense(32, name="projection")(layers.Flatten()(h))
    vector = layers.UnitNormalization(name="vector")(h)
    scores = layers.Dense(10, use_bias=False)(10 * vector)
    trained = keras.Model(image, scores)
    trained.compile(keras.optimizers.Adam(0.003), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    x, y, held, _ = split()
    trained.fit(x, y, epochs=12, verbose=0)
    keras.Model(image, vector, name="embedding").save(file)
    return {"x": held}


def divides(file: Path) -> dict[str, np.ndarray]:
    """Divides each pixel by the brightness around it; in int8 that of dark places rounds to 0, which LiteRT's kernel refuses."""
    import keras

    layers, ops = keras.layers, keras.ops
    keras.utils.set_random_seed(14)
    image = keras.Input((8, 8, 1), name="x")
    h = image / (ops.average_pool(image, 3, 1, padding="same") + 0.001)
    h = layers.Conv2D(16, 3, activation="relu", padding="same")(h)
    h = layers.Flatten()(layers.MaxPooling2D()(h))
    model = keras.Model(image, layers.Dense(10, activation="softmax", name="scores")(h), name="divides")
    model.compile(keras.optimizers.Adam(0.003), "sparse_categorical_crossentropy")
    x, y, held, labels = split()
    model.fit(x, y, epochs=15, verbose=0)
    model.save(file)
    return {"x": held, "y": labels}


def fake_quantized(file: Path, *, computed: bool = False) -> dict[str, np.ndarray]:
    """Trained with fake quantization of kernels and activations between fixed ends, or as far as each channel of a kernel goes."""
    import keras
    import tensorflow as tf

    keras.utils.set_random_seed(15)
    quantized = tf.quantization.fake_quant_with_min_max_vars
    by_channel = tf.quantization.fake_quant_with_min_max_vars_per_channel

    class Quantized(keras.layers.Layer):  # type: ignore[misc]
        """A convolution (a range for each channel) or a matrix product (one range) in 8 bits, and a ReLU6 if it is asked for."""

        def __init__(self, shape: tuple[int, ...], ends: tuple[float, float], relu: bool) -> None:
            super().__init__()
            self.kernel = self.add_weight(shape=shape, initializer="he_normal", name="kernel")
            self.bias = self.add_weight(shape=shape[-1:], initializer="zeros", name="bias")
            self.most = self.add_weight(shape=shape[-1:], initializer="ones", trainable=False, name="most")
            self.ends, self.relu = ends, relu

        def call(self, x: Any) -> Any:
            kernel = tf.convert_to_tensor(self.kernel)
            if computed:
                most = tf.stop_gradient(tf.reduce_max(tf.abs(kernel), axis=list(range(len(kernel.shape) - 1))) + 1e-6)
                kernel = by_channel(kernel, -most, most, narrow_range=True)
            elif len(kernel.shape) == 4:
                kernel = by_channel(kernel, -tf.convert_to_tensor(self.most), tf.convert_to_tensor(self.most), narrow_range=True)
            else:
                kernel = quantized(kernel, -1.0, 1.0, narrow_range=True)
            x = tf.nn.conv2d(x, kernel, 1, "SAME") if len(kernel.shape) == 4 else tf.matmul(x, kernel)
            x = x + tf.convert_to_tensor(self.bias)
            return quantized(tf.nn.relu6(x) if self.relu else x, *self.ends)

    class Input(keras.layers.Layer):  # type: ignore[misc]
        """The image in 8 bits."""

        def call(self, x: Any) -> Any:
            return quantized(x, 0.0, 1.0)

    layers = keras.layers
    image = keras.Input((8, 8, 1), name="x")
    h = Quantized((3, 3, 1, 16), (0.0, 6.0), True)(Input()(image))
    h = layers.Flatten()(layers.MaxPooling2D()(h))
    model = keras.Model(image, Quantized((256, 10), (-24.0, 24.0), False)(h), name="fake_quantized")
    model.compile(keras.optimizers.Adam(0.002), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    x, y, held, labels = split()
    model.fit(x, y, epochs=15, verbose=0)
    model.export(file, verbose=False)
    return {"x": held, "y": labels}


TWO = heads(
    "digit.accuracy",
    digit=head("digit", "digit", "classification", {"accuracy": {}}, logits=False),
    ink=head("ink", "ink", "regression", {"rmse": {}, "r2": {}}),
)

NETWORKS = (
    Network(name="resnet", what="ResNet, three blocks", train=resnet, ships="dynamic_int8"),
    Network(
        name="two_outputs",
        what="a class and a value",
        train=two_outputs,
        labels=("digit", "ink"),
        task=TWO,
        ships="dynamic_int8",
        quick=True,
    ),
    Network(name="embedding", what="unit vectors, no labels", train=embedding, labels=None, ships="dynamic_int8", quick=True),
    Network(
        name="divides",
        what="divides by the brightness around a pixel (DIV)",
        train=divides,
        ships="dynamic_int8",
        refused={"int8": "DIV"},
    ),
    Network(
        name="fake_quantized",
        what="trained with fake quantization (SavedModel)",
        train=fake_quantized,
        file="network",
        options=(LOGITS, WITH_CONVERTER),
        ships="converter_int8",
        refused=dict.fromkeys(("float16", "dynamic_int8", "int8", "int16x8"), "could not be built"),
    ),
    Network(
        name="computed_ranges",
        what="the same with ranges computed from the kernels (SavedModel)",
        train=partial(fake_quantized, computed=True),
        file="network",
        options=(LOGITS,),
        ships="float32",
        refused=dict.fromkeys(("float16", "dynamic_int8", "int8", "int16x8"), "could not be built"),
    ),
)
