"""Networks for what the converter folds, merges, moves and drops."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from pipeline.source.tensorflow_setup import tf
from tests.kinds.kind import Kind

layers, ops = keras.layers, keras.ops
# Batch normalisation, activations and pooling around convolutions, a letter of `PARTS` each.
TRAINED = "cb Cbr crb cbc bcr rbc zcbr crbp pbc cpb abc dbr db6 dbrcbr sbr Tbr tb bt rbt cbob cbw cbh gk bgk crbc cbb bb"
UNTRAINED = "cb crb crbp cbc rbc bc crbc bgk"


def graph(name: str, call: Callable[[Any], Any], shape: tuple[int, ...], **options: Any) -> Kind:
    """A network of one input."""

    def build() -> keras.Model:
        x = keras.Input(shape, name="input")
        return keras.Model(x, call(x))

    return Kind(name=name, build=build, **options)


def end(x: Any) -> Any:
    return layers.Dense(3, name="end")(layers.Flatten()(x))


def two_relus_on_one(x: Any) -> Any:
    x = layers.Conv2D(6, 3, name="conv")(x)
    return end(layers.Concatenate()([layers.ReLU(name="a")(x), layers.ReLU(name="b")(x)]))


def two_kinds_of_relu_on_one(x: Any) -> Any:
    x = layers.Conv2D(6, 3, name="conv")(x)
    return end(layers.Concatenate()([layers.ReLU(name="a")(x), layers.ReLU(6, name="b")(x), x]))


def relu_after_relu(x: Any) -> Any:
    x = layers.Conv2D(6, 3, activation="relu", name="conv")(x)
    return end(layers.ReLU(name="b")(layers.ReLU(name="a")(x)))


def relu6_after_relu(x: Any) -> Any:
    return end(layers.ReLU(6, name="a")(layers.Conv2D(6, 3, activation="relu", name="conv")(x)))


def relu_of_pooling(x: Any) -> Any:
    return end(layers.ReLU()(layers.MaxPooling2D()(layers.ReLU()(layers.Conv2D(6, 3)(x)))))


def rescaled(padding: str) -> Callable[[Any], Any]:
    def call(x: Any) -> Any:
        x = layers.Rescaling(1 / 127.5, offset=-1)(x)
        return end(layers.Conv2D(6, 3, padding=padding, activation="relu", name="conv")(x))

    return call


def folded_arithmetic(x: Any) -> Any:
    x = x * np.float32(0.7) + np.float32(0.2) - ops.sin(ops.convert_to_tensor(np.linspace(0, 1, 6, dtype="float32")))
    return layers.Dense(3, name="end")(x)


def folded_behind_dense(x: Any) -> Any:
    x = layers.Dense(6, name="start")(x)
    return layers.Dense(3, name="end")((x * 0.7 + 0.2) / 3.0 - np.linspace(0, 1, 6, dtype="float32"))


def untrained_normalisation(pool: Callable[[], Any]) -> Callable[[Any], Any]:
    def call(x: Any) -> Any:
        x = layers.ReLU()(layers.Conv2D(6, 3, name="conv")(x))
        x = pool()(layers.BatchNormalization(name="bn")(x))
        return end(x)

    return call


PARTS: dict[str, Callable[[], Any]] = {
    "c": lambda: layers.Conv2D(6, 3),
    "C": lambda: layers.Conv2D(6, 3, use_bias=False, padding="same"),
    "d": lambda: layers.DepthwiseConv2D(3, use_bias=False),
    "s": lambda: layers.SeparableConv2D(6, 3, use_bias=False),
    "T": lambda: layers.Conv2DTranspose(6, 3, use_bias=False),
    "b": lambda: layers.BatchNormalization(),
    "r": lambda: layers.ReLU(),
    "6": lambda: layers.ReLU(6),
    "w": lambda: layers.Activation("swish"),
    "h": lambda: layers.Activation("hard_silu"),
    "z": lambda: layers.ZeroPadding2D(1),
    "p": lambda: layers.MaxPooling2D(2),
    "a": lambda: layers.AveragePooling2D(2),
    "t": lambda: layers.Dense(6, use_bias=False),
    "o": lambda: layers.Dropout(0.5),
    "k": lambda: layers.Conv2D(6, 1),
    "g": lambda: layers.GlobalAveragePooling2D(keepdims=True),
}


def normalised(order: str) -> Callable[[Any], Any]:
    def call(x: Any) -> Any:
        for part in order:
            x = PARTS[part]()(x)
        return end(x)

    return call


def inverted_residual(x: Any) -> Any:
    y = layers.Conv2D(12, 1, use_bias=False, name="expand")(x)
    y = layers.ReLU(6)(layers.BatchNormalization()(y))
    y = layers.DepthwiseConv2D(3, padding="same", use_bias=False)(y)
    y = layers.ReLU(6)(layers.BatchNormalization()(y))
    y = layers.BatchNormalization()(layers.Conv2D(4, 1, use_bias=False)(y))
    return end(layers.GlobalAveragePooling2D()(layers.Add()([x, y])))


def squeeze_and_excite(x: Any) -> Any:
    y = layers.GlobalAveragePooling2D(keepdims=True)(x)
    y = layers.Conv2D(2, 1, activation="relu")(y)
    y = layers.Conv2D(4, 1, activation="hard_sigmoid")(y)
    return end(layers.Multiply()([x, y]))


def squeeze_and_excite_of_one_pixel(x: Any) -> Any:
    x = layers.Activation("hard_silu")(layers.Conv2D(4, 3, name="conv")(x))
    y = layers.GlobalAveragePooling2D(keepdims=True)(x)
    y = layers.ReLU()(layers.Conv2D(2, 1)(y))
    y = layers.Conv2D(4, 1, activation="hard_sigmoid")(y)
    x = layers.Multiply()([x, y])
    return layers.Dense(3, name="end")(layers.GlobalAveragePooling2D()(x))


def nasnet_cell(x: Any) -> Any:
    """Each branch begins with its own ReLU of the same tensor, as the blocks of NASNet do."""
    x = layers.BatchNormalization(name="stem_bn")(layers.Conv2D(6, 3, padding="same", use_bias=False, name="stem")(x))
    branches = []
    for name, size in (("left", 3), ("right", 5)):
        y = layers.Activation("relu", name=f"{name}_relu_1")(x)
        y = layers.SeparableConv2D(6, size, padding="same", use_bias=False, name=f"{name}_1")(y)
        y = layers.BatchNormalization(name=f"{name}_bn_1")(y)
        y = layers.Activation("relu", name=f"{name}_relu_2")(y)
        y = layers.SeparableConv2D(6, size, padding="same", use_bias=False, name=f"{name}_2")(y)
        branches.append(layers.BatchNormalization(name=f"{name}_bn_2")(y))
    y = layers.Add(name="sum")(branches)
    x = layers.Activation("relu", name="relu_end")(x)
    z = layers.AveragePooling2D(3, strides=1, padding="same")(x)
    p = layers.Activation("relu", name="adjust_relu")(x)
    first = layers.AveragePooling2D(1, strides=2, padding="valid")(p)
    second = layers.Cropping2D(((1, 0), (1, 0)))(layers.ZeroPadding2D(((0, 1), (0, 1)))(p))
    second = layers.AveragePooling2D(1, strides=2, padding="valid")(second)
    q = layers.Concatenate()([layers.Conv2D(2, 1, use_bias=False)(first), layers.Conv2D(2, 1, use_bias=False)(second)])
    q = layers.BatchNormalization()(q)
    return layers.Dense(3, name="end")(
        layers.Concatenate()([layers.GlobalAveragePooling2D()(layers.Concatenate()([y, z])), layers.GlobalAveragePooling2D()(q)])
    )


def dilated_free(padding: str) -> Callable[[], keras.Model]:
    def build() -> keras.Model:
        x = image = keras.Input((None, None, 3), name="image")
        x = layers.Conv2D(4, 3, dilation_rate=2, padding=padding, activation="relu", name="first")(x)
        x = layers.Conv2D(4, 3, dilation_rate=(4, 2), padding="same", name="second")(x)
        return keras.Model(image, layers.Dense(3, name="end")(layers.GlobalAveragePooling2D()(x)))

    return build


def slices_of_another_branch() -> keras.Model:
    a, b = keras.Input((8, 6), name="a"), keras.Input((8, 6), name="b")
    x = layers.Dense(6, activation="relu", name="left")(a)
    y = layers.Dense(6, name="right")(b)[:, ::2, 1:5]
    return keras.Model([a, b], layers.Dense(3, name="end")(layers.Flatten()(ops.concatenate([x[:, 1::2, 1:5], y], axis=-1))))


class Dead(layers.Layer):  # type: ignore[misc, name-defined]
    """A variable that is read and makes no difference."""

    def __init__(self, how: str, **options: Any) -> None:
        super().__init__(**options)
        self.how = how

    def build(self, shape: Any) -> None:
        self.used = self.add_weight(shape=(shape[-1],), name="used")
        self.unused = self.add_weight(shape=(shape[-1],), name="unused")

    def call(self, x: Any) -> Any:
        if self.how == "zero":
            return x * self.used + self.unused * 0.0
        if self.how == "branch":
            ops.tanh(x * self.unused)
            return x * self.used
        return x * self.used + (self.unused - self.unused)


def dead(how: str) -> Callable[[Any], Any]:
    return lambda x: layers.Dense(3, name="end")(Dead(how, name="dead")(layers.Dense(6, name="start")(x)))


class FakeQuantized(layers.Layer):  # type: ignore[misc, name-defined]
    """What quantization-aware training leaves in a graph: the ranges of activations and weights."""

    def __init__(self, per_channel: bool, **options: Any) -> None:
        super().__init__(**options)
        self.per_channel = per_channel

    def build(self, shape: Any) -> None:
        self.kernel = self.add_weight(shape=(shape[-1], 5), name="kernel")
        self.bias = self.add_weight(shape=(5,), name="bias")

    def call(self, x: Any) -> Any:
        x = tf.quantization.fake_quant_with_min_max_vars(x, -3.0, 3.0)
        if self.per_channel:
            kernel = tf.quantization.fake_quant_with_min_max_vars_per_channel(
                tf.convert_to_tensor(self.kernel), [-1.5] * 5, [1.5] * 5, narrow_range=True
            )
        else:
            kernel = tf.quantization.fake_quant_with_min_max_vars(tf.convert_to_tensor(self.kernel), -1.5, 1.5, narrow_range=True)
        return tf.quantization.fake_quant_with_min_max_vars(tf.nn.relu(tf.matmul(x, kernel) + self.bias), 0.0, 4.0)


def fake_quantized(per_channel: bool) -> Callable[[Any], Any]:
    return lambda x: layers.Dense(3, name="end")(FakeQuantized(per_channel, name="aware")(x))


KINDS = [
    graph("two ReLUs on one tensor", two_relus_on_one, (8, 8, 3)),
    graph("ReLU and ReLU6 on one tensor", two_kinds_of_relu_on_one, (8, 8, 3)),
    graph("ReLU after ReLU", relu_after_relu, (8, 8, 3)),
    graph("ReLU6 after ReLU", relu6_after_relu, (8, 8, 3)),
    graph("ReLU of pooling", relu_of_pooling, (8, 8, 3)),
    *(
        graph(f"Rescaling before a convolution, {padding}", rescaled(padding), (8, 8, 3), between=(0, 255))
        for padding in ("valid", "same")
    ),
    graph("arithmetic folded", folded_arithmetic, (6,)),
    graph("arithmetic folded behind a dense layer", folded_behind_dense, (6,)),
    *(
        graph(f"untrained batch normalisation behind ReLU, {name}", untrained_normalisation(pool), (8, 8, 3), untrained=True)
        for name, pool in {
            "MaxPooling2D": lambda: layers.MaxPooling2D(),
            "AveragePooling2D": lambda: layers.AveragePooling2D(2),
            "GlobalAveragePooling2D": lambda: layers.GlobalAveragePooling2D(),
        }.items()
    ),
    *(graph(f"order {order}", normalised(order), (8, 8, 3)) for order in TRAINED.split()),
    *(graph(f"untrained order {order}", normalised(order), (8, 8, 3), untrained=True) for order in UNTRAINED.split()),
    graph("inverted residual", inverted_residual, (8, 8, 4)),
    graph("squeeze and excite", squeeze_and_excite, (8, 8, 4)),
    graph("squeeze and excite of one pixel", squeeze_and_excite_of_one_pixel, (3, 3, 4)),
    graph("cell of NASNet", nasnet_cell, (8, 8, 3)),
    Kind(name="dilated with free sizes", build=dilated_free("valid"), lengths={"image": [12, 12, 3]}),
    Kind(name="dilated with free sizes, same", build=dilated_free("same"), lengths={"image": [13, 11, 3]}),
    Kind(name="slices of a branch of another input", build=slices_of_another_branch),
    *(graph(f"dead variable: {how}", dead(how), (6,)) for how in ("zero", "branch", "difference")),
    graph("fake quantization", fake_quantized(False), (6,)),
    graph("fake quantization per channel", fake_quantized(True), (6,)),
]
