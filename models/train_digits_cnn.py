"""Train models/digits_cnn.keras, the shipped example, on the training split of data/digits.npz only.

    python models/train_digits_cnn.py [--output FILE]

Prints the accuracy on the held-out split, which the network has never seen. Seeded: the same machine and TensorFlow give the
same weights; another machine's arithmetic may differ in the last bits and so in a sample or two.
"""

import argparse
from pathlib import Path

import keras
import numpy as np

SEED = 7
EPOCHS = 60
DATA = Path(__file__).parents[1] / "data" / "digits.npz"


def network() -> keras.Model:
    """A small depthwise-separable network: images float32 [batch, 8, 8, 1] in 0..1 to class probabilities [batch, 10]."""
    layers = keras.layers
    image = keras.Input((8, 8, 1), name="image")
    x = layers.Conv2D(16, 3, padding="same", use_bias=False, name="conv")(image)
    x = layers.BatchNormalization(name="conv_bn")(x)
    x = layers.ReLU(name="conv_relu")(x)
    x = layers.DepthwiseConv2D(3, padding="same", use_bias=False, name="depthwise")(x)
    x = layers.BatchNormalization(name="depthwise_bn")(x)
    x = layers.ReLU(name="depthwise_relu")(x)
    x = layers.Conv2D(32, 1, use_bias=False, name="pointwise")(x)
    x = layers.BatchNormalization(name="pointwise_bn")(x)
    x = layers.ReLU(name="pointwise_relu")(x)
    x = layers.MaxPooling2D(2, name="pool")(x)
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dropout(0.3, name="dropout")(x)
    x = layers.Dense(32, activation="relu", name="hidden")(x)
    return keras.Model(image, layers.Dense(10, activation="softmax", name="probabilities")(x), name="digits_cnn")


def shifted(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Each image float32 [n, 8, 8, 1] moved by up to one pixel in each direction, the border filled with background."""
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)))
    offsets = rng.integers(0, 3, (len(images), 2))
    return np.stack([image[y : y + 8, x : x + 8] for image, (y, x) in zip(padded, offsets, strict=True)])


def main() -> None:
    parser = argparse.ArgumentParser(description="Train the shipped example network.")
    parser.add_argument("--output", type=Path, default=Path(__file__).with_name("digits_cnn.keras"))
    output = parser.parse_args().output
    keras.utils.set_random_seed(SEED)
    rng = np.random.default_rng(SEED)
    data = np.load(DATA)
    images, labels = data["images"].astype(np.float32) / 16, data["labels"]
    train, held_out = data["split"] == "train", data["split"] == "held_out"

    model = network()
    schedule = keras.optimizers.schedules.CosineDecay(2e-3, EPOCHS * -(-int(train.sum()) // 32))
    model.compile(keras.optimizers.Adam(schedule), "sparse_categorical_crossentropy")
    for _ in range(EPOCHS):
        model.fit(shifted(images[train], rng), labels[train], batch_size=32, verbose=0)
    correct = model.predict(images[held_out], verbose=0).argmax(1) == labels[held_out]
    print(f"held-out accuracy {correct.mean():.4f} (n={correct.size})")

    # A fresh network with the trained weights carries no optimizer state.
    bare = network()
    bare.set_weights(model.get_weights())
    bare.save(output)


if __name__ == "__main__":
    main()
