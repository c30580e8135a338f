"""Small networks of every kind of operator a converter can get wrong, for faults in the float32 file itself."""

from collections.abc import Callable

import keras

layers = keras.layers


def mobile() -> keras.Model:
    """Folded batch normalisation, fused and separate activations, dilation, strides, and a clip far beyond the samples."""
    x = image = keras.Input((12, 12, 3), name="image")
    x = layers.Conv2D(8, 3, padding="same", name="conv")(x)
    x = layers.ReLU(6, name="relu6")(layers.BatchNormalization(name="bn")(x))
    x = layers.DepthwiseConv2D(3, dilation_rate=2, padding="same", name="depthwise")(x)
    x = layers.ReLU(name="relu")(x)
    x = layers.Conv2D(8, 3, dilation_rate=2, name="dilated")(x)
    x = layers.Conv2D(8, 3, strides=2, padding="same", name="strided")(x)
    x = layers.ReLU(max_value=1000.0, name="clip")(x)
    x = layers.MaxPooling2D(2, strides=1, name="pool")(x)
    x = layers.GlobalAveragePooling2D(name="mean")(x)
    x = layers.Dense(16, activation="relu", name="wide")(x)
    return keras.Model(image, layers.Dense(5, activation="softmax", name="end")(x), name="mobile")


def shapes() -> keras.Model:
    """Resizing, slices, padding, transposition, and branches that meet."""
    x = image = keras.Input((6, 8, 3), name="image")
    x = layers.ZeroPadding2D(((1, 0), (2, 1)), name="pad")(x)
    x = layers.UpSampling2D(2, interpolation="bilinear", name="bilinear")(x)
    a = layers.Conv2D(4, 3, padding="same", name="left")(x)
    b = layers.Conv2D(4, 3, padding="same", name="right")(x)
    x = layers.Concatenate(name="concatenate")([a, b])
    x = layers.Cropping2D(((1, 2), (0, 3)), name="crop")(x)
    x = layers.UpSampling2D(2, interpolation="nearest", name="nearest")(x)
    x = layers.Permute((2, 1, 3), name="permute")(x)
    x = layers.Reshape((-1, 8), name="reshape")(x)
    return keras.Model(image, keras.ops.mean(x, axis=1), name="shapes")


def pointwise() -> keras.Model:
    """Layer normalisation, arithmetic with constants, and activations that a converter writes as several operators."""
    x = features = keras.Input((6, 16), name="features")
    x = layers.Rescaling(0.5, offset=-1.25, name="rescaling")(x)
    x = layers.LayerNormalization(name="norm")(x)
    x = layers.Dense(12, activation="softplus", name="softplus")(x)
    x = layers.Dense(12, activation="gelu", name="gelu")(x)
    y = layers.Dense(12, activation="elu", name="elu")(x)
    x = layers.Subtract(name="subtract")([x, y])
    x = layers.LeakyReLU(0.3, name="leaky")(x)
    x = layers.Dense(12, activation="hard_sigmoid", name="hard")(x)
    x = layers.Softmax(axis=1, name="softmax")(x)
    return keras.Model(features, layers.Dense(3, name="end")(x), name="pointwise")


def tails() -> keras.Model:
    """An activation where all that it makes is next to nothing, and rounding of numbers near one inside it is as much."""
    x = features = keras.Input((6,), name="features")
    x = layers.Rescaling(1.0, offset=-12.0, name="far")(layers.Dense(1, name="one")(x))
    return keras.Model(features, layers.Activation("softplus", name="softplus")(x), name="tails")


def masked() -> keras.Model:
    """An embedding with a mask, and attention that looks back only."""
    tokens = keras.Input((10,), dtype="int32", name="tokens")
    x = layers.Embedding(50, 8, mask_zero=True, name="embedding")(tokens)
    x = layers.MultiHeadAttention(2, 4, name="heads")(x, x, use_causal_mask=True)
    x = layers.GlobalAveragePooling1D(name="mean")(x)
    return keras.Model(tokens, layers.Dense(4, name="end")(x), name="masked")


def recurrent() -> keras.Model:
    x = sequence = keras.Input((6, 5), name="sequence")
    x = layers.LSTM(8, return_sequences=True, name="lstm")(x)
    return keras.Model(sequence, layers.Dense(3, name="end")(x), name="recurrent")


NETWORKS: dict[str, Callable[[], keras.Model]] = {
    "mobile": mobile,
    "shapes": shapes,
    "pointwise": pointwise,
    "tails": tails,
    "masked": masked,
    "recurrent": recurrent,
}
