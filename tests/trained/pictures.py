"""Networks on pictures: coloured shapes, drawn here."""

import itertools
from pathlib import Path
from typing import Any

import numpy as np

from tests.trained.network import Network, head, heads

_SIDE = 32


def shapes(n: int, *, seed: int, side: int = _SIDE) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Discs, squares and crosses of random colour and place on noise.

    Returns:
        Images float32 [n, side, side, 3] in -1..1, kinds [n], masks int64 [n, side, side] (0: ground, kind + 1), and boxes
        float32 [n, 4]: top, left, height, width in shares of the side.
    """
    rng = np.random.default_rng(seed)
    rows, columns = np.indices((side, side))
    kinds = rng.integers(0, 3, n)
    images = rng.uniform(0, 0.4, (n, side, side, 3))
    masks, boxes = np.zeros((n, side, side), np.int64), np.zeros((n, 4), np.float32)
    for i, kind in enumerate(kinds):
        radius = int(rng.integers(4, side // 4))
        y, x = rng.integers(radius, side - radius, 2)
        down, right = np.abs(rows - y), np.abs(columns - x)
        where = (
            down**2 + right**2 <= radius**2,
            np.maximum(down, right) <= radius,
            (np.minimum(down, right) <= radius // 3) & (np.maximum(down, right) <= radius),
        )[kind]
        images[i][where] = rng.uniform(0.4, 1, 3) + rng.uniform(-0.1, 0.1, (int(where.sum()), 3))
        masks[i][where] = kind + 1
        boxes[i] = np.array([y - radius, x - radius, 2 * radius + 1, 2 * radius + 1]) / side
    return (2 * np.clip(images, 0, 1) - 1).astype(np.float32), kinds, masks, boxes


def mobilenet_with_dead_channels(file: Path) -> dict[str, np.ndarray]:
    """MobileNet of Keras 2 as its training leaves it: kernels of channels that nothing needed have decayed to 1e-33."""
    import tf_keras

    layers = tf_keras.layers
    tf_keras.utils.set_random_seed(1)
    image = tf_keras.Input((_SIDE, _SIDE, 3), name="x")
    h = layers.ReLU(6.0)(
        layers.BatchNormalization(momentum=0.8)(layers.Conv2D(12, 3, strides=2, padding="same", use_bias=False)(image))
    )
    for filters, strides in ((24, 2), (48, 1), (48, 2)):
        h = layers.DepthwiseConv2D(3, strides=strides, padding="same", use_bias=False)(h)
        h = layers.ReLU(6.0)(layers.BatchNormalization(momentum=0.8)(h))
        h = layers.ReLU(6.0)(layers.BatchNormalization(momentum=0.8)(layers.Conv2D(filters, 1, use_bias=False)(h)))
    h = layers.GlobalAveragePooling2D()(h)
    model = tf_keras.Model(image, layers.Dense(3, activation="softmax", name="scores")(h), name="mobilenet")
    x, y, *_ = shapes(1500, seed=1)
    model.compile(tf_keras.optimizers.legacy.Adam(0.004), "sparse_categorical_crossentropy")
    model.fit(x, y, epochs=10, verbose=0)
    _kill_channels(model, tf_keras)
    model.compile(tf_keras.optimizers.legacy.Adam(0.002), "sparse_categorical_crossentropy")
    model.fit(x, y, epochs=3, verbose=0)
    model.save(file)
    x, y, *_ = shapes(900, seed=2)
    return {"x": x, "y": y}


def _kill_channels(model: Any, library: Any) -> None:
    """In each depthwise layer a sixth of the channels; what follows learns to do without them, and the layers stay as they are."""
    rng, found = np.random.default_rng(0), model.layers
    for layer, norm in itertools.pairwise(found):
        if not isinstance(layer, library.layers.DepthwiseConv2D):
            continue
        (kernel,), (gamma, beta, mean, variance) = layer.get_weights(), norm.get_weights()
        dead = rng.permutation(kernel.shape[2])[: kernel.shape[2] // 6]
        kernel[:, :, dead] = 1e-33 * rng.normal(size=kernel[:, :, dead].shape)
        beta[dead], mean[dead], variance[dead] = -np.abs(beta[dead]), 0, 1e-30
        layer.set_weights([kernel])
        norm.set_weights([gamma, beta, mean, variance])
        layer.trainable = norm.trainable = False


def unet(file: Path) -> dict[str, np.ndarray]:
    """A U-Net: down twice, up by transposed convolutions, and beside it."""
    import keras

    layers = keras.layers
    keras.utils.set_random_seed(2)

    def block(h: Any, filters: int) -> Any:
        for _ in range(2):
            h = layers.Conv2D(filters, 3, padding="same", use_bias=False)(h)
            h = layers.ReLU()(layers.BatchNormalization(momentum=0.8)(h))
        return h

    image = keras.Input((_SIDE, _SIDE, 3), name="x")
    first = block(image, 8)
    second = block(layers.MaxPooling2D()(first), 16)
    h = block(layers.MaxPooling2D()(second), 32)
    h = block(layers.Concatenate()([second, layers.Conv2DTranspose(16, 2, strides=2)(h)]), 16)
    h = block(layers.Concatenate()([first, layers.Conv2DTranspose(8, 2, strides=2)(h)]), 8)
    model = keras.Model(image, layers.Conv2D(4, 1, activation="softmax", name="classes")(h), name="unet")
    x, _, masks, _ = shapes(500, seed=3)
    model.compile(keras.optimizers.Adam(0.005), "sparse_categorical_crossentropy")
    model.fit(x, masks, epochs=8, verbose=0)
    model.save(file)
    x, _, masks, _ = shapes(800, seed=4)
    return {"x": x, "y": masks}


def detector(file: Path) -> dict[str, np.ndarray]:
    """A detector's head: for each of 8 by 8 cells scores of the classes, and a box in shares of the image."""
    import keras

    layers = keras.layers
    keras.utils.set_random_seed(3)
    image = h = keras.Input((_SIDE, _SIDE, 3), name="x")
    for filters, strides in ((12, 2), (24, 2), (24, 1), (32, 1)):
        h = layers.Conv2D(filters, 3, strides=strides, padding="same", use_bias=False)(h)
        h = layers.LeakyReLU(negative_slope=0.1)(layers.BatchNormalization(momentum=0.8)(h))
    outputs = {
        "classes": layers.Conv2D(4, 3, padding="same", activation="softmax", name="classes")(h),
        "boxes": layers.Conv2D(4, 3, padding="same", activation="sigmoid", name="boxes")(h),
    }
    model = keras.Model(image, outputs, name="detector")
    model.compile(
        keras.optimizers.Adam(0.005),
        {"classes": "sparse_categorical_crossentropy", "boxes": "mse"},
        loss_weights={"classes": 1.0, "boxes": 10.0},
    )
    x, cells, boxes = _cells(1200, seed=5)
    model.fit(x, {"classes": cells, "boxes": boxes}, epochs=10, verbose=0)
    model.save(file)
    x, cells, boxes = _cells(1160, seed=6)
    return {"x": x, "cells": cells, "boxes": boxes}


def _cells(n: int, *, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Images, the class [n, 8, 8] of the cells that hold the middle of a shape, and its box [n, 8, 8, 4] there, else zeros."""
    x, kinds, _, boxes = shapes(n, seed=seed)
    middle = ((boxes[:, :2] + boxes[:, 2:] / 2) * 8).astype(int)
    cells, targets = np.zeros((n, 8, 8), np.int64), np.zeros((n, 8, 8, 4), np.float32)
    each = np.arange(n)
    cells[each, middle[:, 0], middle[:, 1]] = kinds + 1
    targets[each, middle[:, 0], middle[:, 1]] = boxes
    return x, cells, targets


DETECTION = heads(
    "cells.mean_iou",
    cells=head("classes", "cells", "segmentation", {"mean_iou": {}, "pixel_accuracy": {}}, ignore=None),
    boxes=head("boxes", "boxes", "regression", {"rmse": {}}),
)

NETWORKS = (
    Network(
        name="mobilenet",
        what="MobileNet of Keras 2 (.h5), a sixth of the channels dead",
        train=mobilenet_with_dead_channels,
        file="network.h5",
        ships="dynamic_int8",
    ),
    Network(name="unet", what="U-Net, 4 classes of pixels", train=unet, task="segmentation", ships="dynamic_int8"),
    Network(
        name="detector",
        what="detector's head, classes and boxes of 64 cells",
        train=detector,
        labels=("cells", "boxes"),
        task=DETECTION,
        ships="dynamic_int8",
    ),
)
