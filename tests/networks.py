"""Networks that the tests make: small, seeded, with properties that are known beforehand."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from pipeline.lib import converter, flatbuffer, layers, network
from tests.helpers import ROOT


class Made(NamedTuple):
    """A network: its SavedModel, its float32 file, and `operators` of models/layers.json."""

    saved: Path
    model: bytes
    rows: list[dict[str, object]]


def made(keras_model: object, folder: Path) -> Made:
    """A Keras model converted as the pipeline does it, with a batch of 1."""
    network.export(keras_model, folder, batch=1)  # type: ignore[arg-type]
    model = converter.convert_saved_model(folder)
    paths = [str(row["path"]) for row in network.layers(keras_model)]  # type: ignore[arg-type]
    return Made(folder, model, layers.operators_by_layer(flatbuffer.read(model), paths))


def badly_scaled(folder: Path, *, spread: float) -> Made:
    """The shipped digits network, the same function, with channels whose weights differ by `spread`**2 within a tensor.

    ReLU passes positive factors through. So the channels before the depthwise convolution are made smaller by a, those behind
    it larger by a, and its weights larger by a^2, with a from 1 to `spread`; the next convolution takes it back.
    """
    model = network.load_keras(ROOT / "models" / "digits_cnn.keras", custom={})
    channels = model.get_layer("depthwise").get_weights()[0].shape[2]
    factor = np.random.default_rng(0).permutation(np.geomspace(1, spread, channels)).astype(np.float32)
    gamma, beta, *rest = model.get_layer("conv_bn").get_weights()
    model.get_layer("conv_bn").set_weights([gamma / factor, beta / factor, *rest])
    (kernel,) = model.get_layer("depthwise").get_weights()
    model.get_layer("depthwise").set_weights([kernel * factor[None, None, :, None]])
    gamma, beta, *rest = model.get_layer("depthwise_bn").get_weights()
    model.get_layer("depthwise_bn").set_weights([gamma * factor, beta * factor, *rest])
    (kernel,) = model.get_layer("pointwise").get_weights()
    model.get_layer("pointwise").set_weights([kernel / factor[None, None, :, None]])
    return made(model, folder)
