"""The networks of the mutation campaign: the shipped one with its real data, and small ones of all kinds.

Those have variables and samples drawn at random, so that no value equals another by chance.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

_ROOT = Path(__file__).parents[2]
SAMPLES = 8


def digits() -> tuple[Any, dict[str, np.ndarray]]:
    """The shipped network, with images of it."""
    import keras

    images = np.load(_ROOT / "data" / "digits.npz")["images"]
    model = keras.saving.load_model(_ROOT / "models" / "digits_cnn.keras", compile=False)
    shape = model.inputs[0].shape[1:]
    return model, {model.inputs[0].name: (images[:SAMPLES].reshape(-1, *shape) / 16).astype(np.float32)}


def _layers() -> tuple[Any, Any]:
    import keras

    return keras, keras.layers


def convolutions() -> Any:
    """Depthwise, dilated and transposed convolutions, batch normalisation before and behind the activation, two outputs."""
    keras, layers = _layers()
    x = image = keras.Input((8, 8, 3), name="image")
    x = layers.BatchNormalization(name="bn_fused")(layers.Conv2D(6, 3, padding="same", use_bias=False, name="conv")(x))
    x = layers.ReLU(max_value=6, name="relu6")(x)
    x = layers.DepthwiseConv2D(3, strides=2, padding="same", depth_multiplier=2, activation="relu", name="depthwise")(x)
    x = layers.BatchNormalization(name="bn_behind")(x)
    y = layers.Conv2D(6, 3, dilation_rate=2, padding="same", name="dilated")(x)
    z = layers.Conv2DTranspose(5, 3, strides=2, padding="same", activation="relu", name="transposed")(y)
    first = layers.Conv2D(4, (1, 3), activation="sigmoid", name="wide")(z)
    second = layers.Dense(5, activation="softmax", name="classes")(layers.GlobalAveragePooling2D(name="pool")(y))
    return keras.Model(image, [first, second], name="convolutions")


def dense() -> Any:
    """Dense layers wide enough for blocks of 32 weights, batch normalisation, a residual, activations of many kinds."""
    keras, layers = _layers()
    x = features = keras.Input((32,), name="features")
    x = layers.Activation("gelu", name="gelu")(layers.Dense(32, name="one")(x))
    x = layers.BatchNormalization(name="bn")(layers.Dense(64, use_bias=False, name="two")(x))
    x = layers.Activation("hard_swish", name="hard_swish")(x)
    x = layers.LeakyReLU(negative_slope=0.2, name="leaky")(layers.Dense(32, name="three")(x))
    x = layers.Add(name="add")([x, layers.Dense(32, activation="tanh", use_bias=False, name="side")(features)])
    return keras.Model(features, layers.Dense(10, activation="softmax", name="out")(x), name="dense")


def recurrent() -> Any:
    """LSTM, GRU and a loop in both directions."""
    keras, layers = _layers()
    x = sequence = keras.Input((4, 3), name="sequence")
    x = layers.GRU(4, return_sequences=True, name="gru")(layers.LSTM(5, return_sequences=True, name="lstm")(x))
    x = layers.Bidirectional(layers.LSTM(3), name="both_ways")(x)
    return keras.Model(sequence, layers.Dense(2, name="out")(x), name="recurrent")


def attention() -> Any:
    """Tokens, embedding, attention, layer normalisation."""
    keras, layers = _layers()
    tokens = keras.Input((6,), dtype="int32", name="tokens")
    x = layers.Embedding(50, 8, name="embedding")(tokens)
    x = layers.Add(name="add")([x, layers.MultiHeadAttention(2, 4, name="heads")(x, x)])
    x = layers.Dense(8, activation="gelu", name="wide")(layers.LayerNormalization(name="norm")(x))
    return keras.Model(tokens, layers.Dense(3, name="out")(layers.GlobalMaxPooling1D(name="most")(x)), name="attention")


def shapes() -> Any:
    """Two inputs and two outputs; resizing, padding, cropping, strides, permutation, pooling, concatenation, arithmetic."""
    keras, layers = _layers()
    left, right = keras.Input((6, 6, 2), name="left"), keras.Input((3, 3, 2), name="right")
    x = layers.Concatenate(name="joined")([left, layers.UpSampling2D(2, interpolation="bilinear", name="bilinear")(right)])
    x = layers.ZeroPadding2D(((1, 2), (0, 1)), name="padded")(x)
    x = layers.Conv2D(4, 3, activation="relu", name="conv")(x)
    x = layers.Cropping2D(((1, 0), (1, 0)), name="cropped")(x)[:, ::2, 1::2, :]
    x = layers.UpSampling2D(2, interpolation="nearest", name="nearest")(x)
    y = layers.MaxPooling2D(2, name="most")(layers.Permute((2, 1, 3), name="turned")(x))
    z = layers.AveragePooling2D(3, strides=1, padding="same", name="mean")(x)
    y = layers.Dense(3, name="first")(layers.Flatten(name="flat")(layers.Rescaling(0.5, offset=-1.0, name="rescaled")(y)))
    z = layers.Maximum(name="maximum")([z, layers.PReLU(shared_axes=[1, 2], name="prelu")(z - 0.25)])
    return keras.Model([left, right], [y, layers.Multiply(name="second")([z, x])], name="shapes")


NETWORKS: dict[str, Callable[[], Any]] = {
    "convolutions": convolutions,
    "dense": dense,
    "recurrent": recurrent,
    "attention": attention,
    "shapes": shapes,
}
NAMES = ("digits", *NETWORKS)


def network(name: str) -> tuple[Any, dict[str, np.ndarray]]:
    """A Keras model of `NAMES`, and samples [8, ...] by input."""
    return digits() if name == "digits" else _drawn(NETWORKS[name](), np.random.default_rng(0))


def _drawn(model: Any, rng: np.random.Generator) -> tuple[Any, dict[str, np.ndarray]]:
    """Variables and samples anew: kernels of unit gain, variances and gammas in 0.5 to 1.5."""
    for variable in model.variables:
        if "float" in variable.dtype:
            shape, name = tuple(variable.shape), variable.path.rsplit("/", 1)[-1]
            values = 0.3 * rng.normal(size=shape) if len(shape) < 2 else rng.normal(size=shape) / np.sqrt(np.prod(shape[:-1]))
            variable.assign((0.5 + rng.random(shape) if "variance" in name or name == "gamma" else values).astype(np.float32))
    return model, {
        tensor.name: rng.integers(0, 50, (SAMPLES, *tensor.shape[1:])).astype(np.int32)
        if "int" in str(tensor.dtype)
        else rng.normal(size=(SAMPLES, *tensor.shape[1:])).astype(np.float32)
        for tensor in model.inputs
    }
