"""Networks for the tests of the certificate: every kind of layer whose weights a converter moves, transposes, splits or folds.

Weights and batch normalisation statistics are drawn at random, so that no value equals another by chance.
"""

from collections.abc import Callable

import keras
import numpy as np

layers = keras.layers


def randomised(model: keras.Model, seed: int = 0) -> keras.Model:
    """The model with every float variable drawn anew: kernels to unit gain, variances and gammas in 0.5 to 1.5."""
    rng = np.random.default_rng(seed)
    for variable in model.variables:
        if "float" not in variable.dtype:
            continue
        shape = tuple(variable.shape)
        name = variable.path.rsplit("/", 1)[-1]
        if "variance" in name or name == "gamma":
            values = 0.5 + rng.random(shape)
        elif len(shape) < 2:
            values = 0.3 * rng.normal(size=shape)
        else:
            values = rng.normal(size=shape) / np.sqrt(np.prod(shape[:-1]))
        variable.assign(values.astype(np.float32))
    return model


def convolutions() -> keras.Model:
    """Plain, depthwise, separable and transposed convolutions, each with another form of batch normalisation behind it."""
    x = image = keras.Input((12, 12, 3), name="image")
    x = layers.Conv2D(8, 3, padding="same", name="conv")(x)
    x = layers.BatchNormalization(name="bn_full")(x)
    x = layers.ReLU(max_value=6, name="relu6")(x)
    x = layers.Conv2D(8, 3, strides=2, use_bias=False, name="strided")(x)
    x = layers.BatchNormalization(scale=False, epsilon=0.02, name="bn_no_scale")(x)
    x = layers.ReLU(name="relu")(x)
    x = layers.DepthwiseConv2D(3, padding="same", depth_multiplier=2, name="depthwise")(x)
    x = layers.BatchNormalization(center=False, name="bn_no_center")(x)
    x = layers.ReLU(name="relu_depthwise")(x)
    x = layers.SeparableConv2D(12, 3, activation="relu", name="separable")(x)
    x = layers.BatchNormalization(name="bn_alone")(x)
    x = layers.Conv2DTranspose(6, 3, strides=2, padding="same", name="transposed")(x)
    x = layers.BatchNormalization(name="bn_transposed")(x)
    x = layers.ReLU(name="relu_transposed")(x)
    x = layers.Dropout(0.3, name="dropout")(x)
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dense(20, use_bias=False, name="dense")(x)
    x = layers.BatchNormalization(name="bn_dense")(x)
    x = layers.Activation("tanh", name="tanh")(x)
    first = layers.Dense(5, activation="softmax", name="first")(x)
    return keras.Model(image, [first, layers.Dense(5, activation="softmax", name="second")(x)], name="convolutions")


def recurrent() -> keras.Model:
    x = sequence = keras.Input((6, 5), name="sequence")
    x = layers.LSTM(8, return_sequences=True, name="lstm")(x)
    x = layers.GRU(7, return_sequences=True, name="gru")(x)
    x = layers.Bidirectional(layers.LSTM(4), name="both_ways")(x)
    return keras.Model(sequence, layers.Dense(3, name="out")(x), name="recurrent")


def attention() -> keras.Model:
    """Embedding, multi-head attention, layer normalisation, GELU."""
    tokens = keras.Input((10,), dtype="int32", name="tokens")
    x = layers.Embedding(50, 16, name="embedding")(tokens)
    y = layers.MultiHeadAttention(2, 8, name="heads")(x, x)
    x = layers.LayerNormalization(name="norm")(layers.Add(name="add")([x, y]))
    y = layers.Dense(32, activation="gelu", name="wide")(x)
    x = layers.LayerNormalization(name="norm_last")(layers.Add(name="add_last")([x, layers.Dense(16, name="narrow")(y)]))
    x = layers.GlobalAveragePooling1D(name="mean")(x)
    return keras.Model(tokens, layers.Dense(4, name="out")(x), name="attention")


def shared() -> keras.Model:
    """A nested model and a layer that are used twice, constants of the graph, batch normalisation in front of a dense layer."""
    left, right, inside = keras.Input((8,), name="left"), keras.Input((8,), name="right"), keras.Input((8,), name="inside")
    scaled = layers.Normalization(mean=0.2, variance=1.5, name="normalization")(inside)
    tower = keras.Model(inside, layers.Dense(6, activation="relu", name="fc")(scaled), name="tower")
    twice = layers.Dense(6, name="twice")
    x = layers.Concatenate(name="concatenate")([twice(tower(left)), twice(tower(right))])
    x = layers.Rescaling(0.5, offset=0.1, name="rescaling")(x)
    x = layers.BatchNormalization(name="bn_before")(x)
    return keras.Model([left, right], layers.Dense(3, name="out")(x), name="shared")


def wide() -> keras.Model:
    """Dense layers large enough that every engine quantizes them, also in blocks of 32."""
    x = features = keras.Input((64,), name="features")
    for name in ("one", "two", "three"):
        x = layers.Dense(64, activation="relu", name=name)(x)
    return keras.Model(features, layers.Dense(10, name="out")(x), name="wide")


# Of each of the layers that `dying` names; the last has no constant either.
DEAD = {2: 0.31, 3: -0.27, 5: 1.9, 6: 0.0}


def dying(kernel: float = 1e-33) -> keras.Model:
    """A small MobileNet with dead channels (`DEAD`): gammas as weight decay leaves them, and a pruned dense layer."""
    x = image = keras.Input((12, 12, 3), name="image")
    x = layers.Conv2D(8, 3, strides=2, padding="same", use_bias=False, name="conv")(x)
    x = layers.ReLU(6.0, name="relu_conv")(layers.BatchNormalization(name="bn_conv")(x))
    for number, width in enumerate((8, 16)):
        x = layers.DepthwiseConv2D(3, padding="same", use_bias=False, name=f"depthwise_{number}")(x)
        x = layers.ReLU(6.0, name=f"relu_depthwise_{number}")(layers.BatchNormalization(name=f"bn_depthwise_{number}")(x))
        x = layers.Conv2D(width, 1, use_bias=False, name=f"pointwise_{number}")(x)
        x = layers.ReLU(6.0, name=f"relu_pointwise_{number}")(layers.BatchNormalization(name=f"bn_pointwise_{number}")(x))
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    x = layers.Dense(8, activation="relu", name="dense")(x)
    model = randomised(keras.Model(image, layers.Dense(4, name="out")(x), name="dying"))
    for name in ("bn_depthwise_0", "bn_pointwise_0", "bn_depthwise_1", "bn_pointwise_1"):
        gamma, beta, mean, variance = model.get_layer(name).get_weights()
        for channel, constant in DEAD.items():
            gamma[channel], beta[channel], mean[channel] = kernel, constant, 0
        model.get_layer(name).set_weights([gamma, beta, mean, variance])
    weights, bias = model.get_layer("dense").get_weights()
    for channel, constant in DEAD.items():
        weights[:, channel], bias[channel] = kernel, constant
    model.get_layer("dense").set_weights([weights, bias])
    return model


NETWORKS: dict[str, Callable[[], keras.Model]] = {
    "convolutions": convolutions,
    "recurrent": recurrent,
    "attention": attention,
    "shared": shared,
    "wide": wide,
}


def samples(model: keras.Model, count: int, seed: int = 1) -> dict[str, np.ndarray]:
    """Inputs [count, ...] by name: standard normal, or token numbers."""
    rng = np.random.default_rng(seed)
    return {
        tensor.name: rng.integers(0, 50, (count, *tensor.shape[1:])).astype(np.int32)
        if "int" in str(tensor.dtype)
        else rng.normal(size=(count, *tensor.shape[1:])).astype(np.float32)
        for tensor in model.inputs
    }
