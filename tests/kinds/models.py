"""Whole networks: how layers are put together, and networks of other origin."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from pipeline.source.tensorflow_setup import tf
from tests.kinds.folding import end, graph
from tests.kinds.kind import Kind

layers, ops = keras.layers, keras.ops
APPLICATIONS = "MobileNetV3Large EfficientNetV2B0 EfficientNetB0 NASNetMobile DenseNet121 ResNet50V2 ConvNeXtTiny"


def shared_layers() -> keras.Model:
    a, b = keras.Input((6,), name="a"), keras.Input((6,), name="b")
    once = layers.Dense(6, activation="relu", name="twice")
    return keras.Model([a, b], layers.Dense(3, name="end")(layers.Subtract()([once(once(a)), once(b)])))


def nested() -> keras.Model:
    inside = keras.Input((6,), name="inside")
    tower = keras.Model(inside, layers.Dense(6, activation="relu", name="fc")(inside), name="tower")
    sequence = keras.Sequential([keras.Input((6,)), layers.Dense(5, name="fc"), layers.BatchNormalization()], name="sequence")
    x = keras.Input((6,), name="x")
    return keras.Model(x, layers.Dense(3, name="end")(sequence(tower(x))))


def several_outputs() -> keras.Model:
    a, z = keras.Input((6,), name="z_first"), keras.Input((8, 8, 3), name="a_second")
    x = layers.GlobalMaxPooling2D()(layers.Conv2D(6, 3, activation="relu")(z))
    x = layers.Concatenate()([layers.Dense(6, activation="tanh")(a), x])
    return keras.Model([a, z], {"scores": layers.Dense(3, activation="softmax", name="s")(x), "age": layers.Dense(1, name="a")(x)})


def one_output_twice() -> keras.Model:
    x = keras.Input((6,), name="x")
    y = layers.Dense(4, name="first")(x)
    return keras.Model(x, [y, layers.Dense(3, activation="relu", name="second")(y)])


class Subclassed(keras.Model):  # type: ignore[misc]
    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.first = layers.Dense(8, activation="gelu", name="first")
        self.second = layers.Dense(3, name="second")

    def call(self, inputs: Any, training: bool = False) -> Any:
        return self.second(self.first(inputs) + ops.mean(inputs, axis=-1, keepdims=True))


def subclassed() -> keras.Model:
    model = Subclassed(name="mine")
    model(np.zeros((1, 6), np.float32))
    return model


def tokens() -> keras.Model:
    """A transformer's block."""
    start = keras.Input((8,), dtype="int32", name="tokens")
    x = layers.Embedding(20, 8)(start) + layers.Embedding(8, 8)(ops.arange(8))
    y = layers.MultiHeadAttention(2, 4)(x, x, use_causal_mask=True)
    x = layers.LayerNormalization()(x + y)
    y = layers.Dense(8)(layers.Dense(16, activation="gelu")(x))
    return keras.Model(start, layers.Dense(3, name="end")(layers.GlobalAveragePooling1D()(layers.LayerNormalization()(x + y))))


def masked_tokens() -> keras.Model:
    start = keras.Input((8,), dtype="int32", name="tokens")
    x = layers.Embedding(20, 8, mask_zero=True)(start)
    return keras.Model(
        start, layers.Dense(3, name="end")(layers.GlobalAveragePooling1D()(layers.LSTM(5, return_sequences=True)(x)))
    )


def pixels() -> keras.Model:
    image = keras.Input((8, 8, 3), dtype="uint8", name="image")
    x = layers.Rescaling(1 / 127.5, offset=-1.0, dtype="float32")(image)
    return keras.Model(image, end(layers.Conv2D(6, 3, padding="same", activation="relu")(x)))


def unet(x: Any) -> Any:
    a = layers.Conv2D(4, 3, padding="same", activation="relu")(x)
    b = layers.Conv2D(8, 3, padding="same", activation="relu")(layers.MaxPooling2D()(a))
    up = layers.Conv2DTranspose(4, 2, strides=2)(b)
    more = layers.UpSampling2D(interpolation="bilinear")(b)
    return layers.Conv2D(2, 1, activation="sigmoid")(layers.Concatenate()([a, up, more]))


class Plain(tf.Module):  # type: ignore[misc]
    """A network written without Keras."""

    def __init__(self) -> None:
        rng = np.random.default_rng(3)
        self.kernel = tf.Variable(rng.normal(size=(3, 3, 2, 4)).astype(np.float32), name="conv/kernel")
        self.scale = tf.Variable(rng.normal(size=(4,)).astype(np.float32), name="conv/scale")
        self.weight = tf.Variable(rng.normal(size=(4, 3)).astype(np.float32), name="weight")

    def call(self, x: Any) -> Any:
        x = tf.nn.relu(tf.nn.conv2d(x, self.kernel * self.scale, 1, "SAME") + 0.5)
        return {"scores": tf.nn.softmax(tf.matmul(tf.reduce_mean(x, [1, 2]), self.weight))}


def plain_module(batch: int | None) -> Any:
    module = Plain()
    traced = tf.function(module.call).get_concrete_function(tf.TensorSpec([batch, 6, 6, 2], tf.float32, "image"))
    return module, traced


def of_function(name: str, call: Callable[[Any], Any], shape: tuple[int, ...] = (6,), **options: Any) -> Kind:
    """A function of tensors and of nothing else, followed by a matrix product."""

    def build() -> Any:
        module = tf.Module()
        module.weight = tf.Variable(np.random.default_rng(3).normal(size=(6, 3)).astype(np.float32), name="weight")
        traced = tf.function(lambda x: {"y": tf.matmul(call(x), module.weight)}).get_concrete_function(
            tf.TensorSpec([None, *shape], tf.float32, "x")
        )
        return module, traced

    return Kind(name=name, build=build, **options)


def application(name: str, **options: Any) -> Kind:
    return Kind(
        name=f"application {name}",
        build=lambda: getattr(keras.applications, name)(weights=None, input_shape=(32, 32, 3), classes=10, **options),
        slow=True,
        between=(0, 255),
    )


KINDS = [
    Kind(name="shared layers", build=shared_layers),
    Kind(name="shared layers, free batch", build=shared_layers, batch=None),
    Kind(name="nested", build=nested),
    Kind(name="several inputs and outputs", build=several_outputs),
    Kind(name="several inputs and outputs, free batch", build=several_outputs, batch=None),
    Kind(name="an output that is read", build=one_output_twice),
    Kind(name="subclassed", build=subclassed),
    Kind(name="tokens", build=tokens),
    Kind(name="tokens, free batch", build=tokens, batch=None),
    Kind(name="masked tokens", build=masked_tokens),
    Kind(name="uint8 pixels", build=pixels),
    graph("U-Net", unet, (8, 8, 3)),
    graph("U-Net, free batch", unet, (8, 8, 3), batch=None),
    graph("batch of four", unet, (8, 8, 3), batch=4),
    Kind(name="plain module", build=lambda: plain_module(None)),
    Kind(name="plain module, free batch", build=lambda: plain_module(None), batch=None),
    Kind(name="plain module, batch of one", build=lambda: plain_module(1)),
    of_function("log10", lambda x: tf.math.log(x) / tf.math.log(10.0), between=(0.5, 4)),
    of_function("log by a constant", lambda x: tf.math.log(x) * 0.7 + 0.1, between=(0.5, 4)),
    of_function("log1p", lambda x: tf.math.log1p(x), between=(0.5, 4)),
    of_function("rfft", lambda x: tf.abs(tf.signal.rfft(x))[:, :6], (16,)),
    of_function("square root of a square", lambda x: tf.sqrt(tf.square(x) + 1e-6)),
    of_function("strided slices", lambda x: tf.concat([x[:, ::2], x[:, 1::2]], 1)),
    of_function("l2_normalize", lambda x: tf.nn.l2_normalize(x, 1)),
    of_function("clip_by_value", lambda x: tf.clip_by_value(x, -0.3, 0.6)),
    of_function("identity", lambda x: tf.identity(x)),
    application("MobileNet", alpha=0.25),
    application("MobileNetV2", alpha=0.35),
    application("MobileNetV3Small", minimalistic=True),
    *map(application, APPLICATIONS.split()),
]
