"""Small networks as microcontrollers run them."""

from collections.abc import Callable

import keras
from keras import layers


def keywords() -> keras.Model:
    """A depthwise-separable network on a spectrogram, as keyword spotting has it (DS-CNN, smaller)."""
    x = spectrogram = keras.Input((25, 10, 1), name="spectrogram")
    x = layers.Conv2D(12, (5, 4), strides=2, padding="same", use_bias=False, name="conv")(x)
    x = layers.ReLU(name="relu")(layers.BatchNormalization(name="bn")(x))
    for number in (1, 2):
        x = layers.DepthwiseConv2D(3, padding="same", use_bias=False, name=f"depthwise{number}")(x)
        x = layers.ReLU(name=f"relu{number}")(layers.BatchNormalization(name=f"bn{number}")(x))
        x = layers.Conv2D(12, 1, activation="relu", name=f"pointwise{number}")(x)
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    return keras.Model(spectrogram, layers.Dense(6, activation="softmax", name="words")(x), name="keywords")


def autoencoder() -> keras.Model:
    """Dense layers down to a code and up again: as many outputs as inputs, and no decision."""
    x = frame = keras.Input((64,), name="frame")
    for number, width in enumerate((32, 8, 32)):
        x = layers.Dense(width, activation="relu", name=f"dense{number}")(x)
    return keras.Model(frame, layers.Dense(64, name="again")(x), name="autoencoder")


def normalised() -> keras.Model:
    """Layer normalisation, whose RSQRT of int16 LiteRT computes by a table and TFLM more exactly."""
    tokens = keras.Input((5, 8), name="tokens")
    x = layers.LayerNormalization(name="norm")(layers.Dense(8, name="dense")(tokens))
    return keras.Model(tokens, layers.Dense(3, name="out")(x), name="normalised")


def two_ways() -> keras.Model:
    """LSTM forwards and backwards as loops: of the second TFLM makes something else than LiteRT."""
    sequence = keras.Input((6, 4), name="sequence")
    return keras.Model(
        sequence, layers.Bidirectional(layers.LSTM(3, return_sequences=True), name="both")(sequence), name="two_ways"
    )


NETWORKS: dict[str, Callable[[], keras.Model]] = {
    "keywords": keywords,
    "autoencoder": autoencoder,
    "normalised": normalised,
    "two_ways": two_ways,
}
