"""Your own layers, losses, initializers, functions and models, by the name they were saved under.

Write them as you trained them: on `keras` for files of Keras 3, on `tf_keras` for files of Keras 2.

Example:
    class Scale(keras.layers.Layer): ...
    LAYERS["Scale"] = Scale

A class registered under a package (`@keras.saving.register_keras_serializable("mine")`) is found without a row.
"""

from typing import Any

# Before keras, for it sets how TensorFlow computes.
from pipeline.source import tensorflow_setup  # noqa: F401

LAYERS: dict[str, Any] = {}
