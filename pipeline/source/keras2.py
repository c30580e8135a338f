"""Networks saved by Keras 2, through tf_keras: .h5, .keras, and SavedModels that keep their layers."""

import contextlib
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.errors import UserError
from pipeline.source.keras_common import layers, named, reading, refuse_code
from pipeline.source.network import Network, traced_outputs
from pipeline.source.tensorflow_setup import OPTIONAL, absent, tf

# tf_keras must come after pipeline.source.tensorflow_setup, which sets how TensorFlow computes.
with absent(*OPTIONAL):
    import tf_keras


def load(path: Path, *, format: str, custom: Mapping[str, Any], trust_code: bool) -> Network:
    """Load a file without its optimizer.

    Args:
        path: the file or folder.
        format: "keras2", "keras2_h5" or "keras2_saved_model".
        custom: the user's classes by registered name, made of `tf_keras`.
        trust_code: run Python bytecode that the file holds, and whatever else it names.

    Raises:
        UserError: when the file cannot be read as a Keras 2 model, needs a class that is not registered, or holds code that
            is not trusted.
    """
    own = {*custom, *tf_keras.saving.get_custom_objects()}
    refuse_code(path, format=format, trust_code=trust_code, own=own)
    with reading(path, format=format, custom=custom), contextlib.redirect_stdout(io.StringIO()):
        model = tf_keras.models.load_model(path, custom_objects=dict(custom), compile=False, safe_mode=not trust_code)
    if not isinstance(model, tf_keras.Model):
        raise UserError(f"model.path: {path} holds no Keras model; set model.format: saved_model")
    specs = _inputs(model, path)
    names = getattr(model, "output_names", None)

    def call(values: dict[str, Any]) -> dict[str, Any]:
        if isinstance(model.input, Mapping) or model.input is None:
            given: Any = values
        else:
            given = list(values.values()) if len(specs) > 1 else next(iter(values.values()))
        return named(model(given, training=False), names, single="output")

    return Network(
        inputs=specs,
        outputs=traced_outputs(call, specs),
        call=call,
        variables=list(model.variables),
        weights=_weights(model),
        layers=layers(model, tf_keras.Model),
        parameters=int(model.count_params()),
    )


def _inputs(model: Any, path: Path) -> dict[str, Any]:
    if not getattr(model, "inputs", None):
        raise UserError(
            f"model.path: {path} holds a subclassed model that was never called, so its inputs are unknown; call it, then save it"
        )
    if isinstance(model.input, Mapping):
        return {name: tf.TensorSpec(tensor.shape, tensor.dtype) for name, tensor in model.input.items()}
    return {name: tf.TensorSpec(tensor.shape, tensor.dtype) for name, tensor in zip(model.input_names, model.inputs, strict=True)}


def _weights(model: Any) -> dict[str, np.ndarray]:
    """Every variable by name without the `:0`. Names of Keras 2 can come twice (layers of nested models): then with a number."""
    arrays = named(
        [variable.numpy() for variable in model.variables], [variable.name.split(":")[0] for variable in model.variables], single=""
    )
    return {name: array.astype(np.float32) if array.dtype.name == "bfloat16" else array for name, array in arrays.items()}
