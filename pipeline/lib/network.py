"""The user's trained network: loading it, describing it, exporting it for inference only, running it."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.lib.batches import batches
from pipeline.lib.errors import UserError
from pipeline.lib.tf import SIGNATURE, tf

# keras must come after pipeline.lib.tf, which sets how TensorFlow computes.
import keras  # isort: skip


def load_keras(path: Path, *, custom: Mapping[str, Any]) -> keras.Model:
    """Load a .keras file without its optimizer.

    Args:
        path: the file.
        custom: the user's classes by registered name.

    Raises:
        UserError: when the file cannot be read as a Keras model.
    """
    try:
        return keras.models.load_model(path, custom_objects=dict(custom), compile=False, safe_mode=True)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise UserError(f"{path}: not readable as a Keras model: {str(error).splitlines()[0]}") from None


def tensors(model: keras.Model) -> tuple[dict[str, Any], dict[str, Any]]:
    """Symbolic inputs and outputs of a model, each by its name."""
    return {tensor.name: tensor for tensor in model.inputs}, dict(zip(model.output_names, model.outputs, strict=True))


def layers(model: keras.Model, prefix: str = "") -> list[dict[str, Any]]:
    """Every layer in order, the layers of nested models behind them: path, class, number of parameters."""
    rows = []
    for layer in model.layers:
        path = f"{prefix}{layer.name}"
        rows.append({"path": path, "class": type(layer).__name__, "parameters": int(layer.count_params())})
        if isinstance(layer, keras.Model):
            rows += layers(layer, f"{path}/")
    return rows


def weights(model: keras.Model) -> dict[str, np.ndarray]:
    """Every variable by its path, in the order of `model.variables`; a path that occurs again gets `#2`, `#3` and so on."""
    found: dict[str, np.ndarray] = {}
    for variable in model.variables:
        count = sum(path.split("#")[0] == variable.path for path in found)
        found[f"{variable.path}#{count + 1}" if count else variable.path] = np.asarray(variable)
    return found


def export(model: keras.Model, folder: Path, *, batch: int | None) -> None:
    """Write an inference-only SavedModel whose one signature has named inputs and outputs and this batch.

    The batch is fixed here, where Keras traces the network, because recurrent layers only convert when every shape inside
    them was known at that time.
    """
    inputs, outputs = tensors(model)
    specs = {name: tf.TensorSpec([batch, *tensor.shape[1:]], tensor.dtype, name=name) for name, tensor in inputs.items()}

    def infer(**values: Any) -> dict[str, Any]:
        result = model([values[name] for name in inputs] if len(inputs) > 1 else values[next(iter(inputs))], training=False)
        return dict(zip(outputs, tf.nest.flatten(result), strict=True))

    traced = tf.function(infer, autograph=False)
    module = tf.Module()
    # The tf.Variables themselves: with Keras' wrappers the converter keeps them as mutable resources instead of constants.
    module.network_variables = [variable.value for variable in model.variables]
    module.infer = traced
    tf.saved_model.save(module, str(folder), signatures={SIGNATURE: traced.get_concrete_function(**specs)})


def export_saved_model(
    source: Path, folder: Path, *, batch: int | None
) -> tuple[dict[str, np.ndarray], list[dict[str, Any]], list[dict[str, Any]]]:
    """Write the signature `serving_default` of any SavedModel again as `export` does, with this batch.

    Returns:
        Every variable that the signature reads by name, and `signature` of inputs and outputs.

    Raises:
        UserError: when the folder is no SavedModel, or has no such signature.
    """
    try:
        loaded = tf.saved_model.load(str(source))
    except (OSError, ValueError) as error:
        raise UserError(f"{source}: not readable as a SavedModel: {str(error).splitlines()[0]}") from None
    if SIGNATURE not in loaded.signatures:
        have = ", ".join(loaded.signatures) or "none"
        raise UserError(f"{source}: no signature {SIGNATURE!r}; have: {have}")
    original = loaded.signatures[SIGNATURE]
    named = dict(sorted(original.structured_input_signature[1].items()))
    specs = {name: tf.TensorSpec([batch, *spec.shape[1:]], spec.dtype, name=name) for name, spec in named.items()}
    traced = tf.function(lambda **values: original(**values), autograph=False)
    variables = list(original.graph.variables)
    module = tf.Module()
    module.network_variables = variables
    module.infer = traced
    tf.saved_model.save(module, str(folder), signatures={SIGNATURE: traced.get_concrete_function(**specs)})
    stored = {variable.name.split(":")[0]: variable.numpy() for variable in variables}
    if len(stored) != len(variables):
        raise UserError(f"{source}: two of its variables have one name")
    return stored, signature(specs, batch=batch), signature(original.structured_outputs, batch=batch)


def signature(named: Mapping[str, Any], *, batch: int | None) -> list[dict[str, Any]]:
    """Name, shape (batch first, None where free) and dtype of each tensor, in order."""
    return [
        {"name": name, "shape": [batch, *tensor.shape[1:]], "dtype": tf.as_dtype(tensor.dtype).name}
        for name, tensor in named.items()
    ]


def run_saved_model(folder: Path, samples: Mapping[str, np.ndarray], *, batch: int | None) -> Iterator[dict[str, np.ndarray]]:
    """The network's outputs, one sample after the other.

    Args:
        folder: a SavedModel that `export` wrote.
        samples: inputs [n, ...] by name.
        batch: the signature's batch; None, where it is free, runs one sample at a time.

    Yields:
        Outputs by name, without a batch dimension.
    """
    run = tf.saved_model.load(str(folder)).signatures[SIGNATURE]
    for rows, inputs in batches(samples, batch=batch):
        outputs = run(**{name: tf.constant(array) for name, array in inputs.items()})
        for offset in range(rows.stop - rows.start):
            yield {name: output.numpy()[offset] for name, output in outputs.items()}
