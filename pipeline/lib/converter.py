"""tf.lite.TFLiteConverter: from an exported SavedModel to the bytes of a .tflite file."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from pipeline.lib.errors import UserError
from pipeline.lib.tf import SIGNATURE, tf

_OPS = tf.lite.OpsSet
INT16X8 = _OPS.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
# With the float operators allowed as well, those without an integer kernel stay in float instead of an error.
_OPERATORS = {
    "static_wi8_ai8": [_OPS.TFLITE_BUILTINS_INT8],
    "static_wi8_ai8_fallback": [_OPS.TFLITE_BUILTINS, _OPS.TFLITE_BUILTINS_INT8],
    "static_wi8_ai16": [INT16X8],
    "static_wi8_ai16_fallback": [INT16X8, _OPS.TFLITE_BUILTINS],
}


def convert_saved_model(
    folder: Path,
    *,
    scheme: str = "float32",
    boundary: str = "float32",
    samples: Iterable[Mapping[str, np.ndarray]] | None = None,
) -> bytes:
    """Convert, and quantize when the scheme says so.

    Args:
        folder: SavedModel with the signature `SIGNATURE`.
        scheme: "float32" or one of `schemes.SCHEMES["converter"]`.
        boundary: dtype of inputs and outputs.
        samples: representative dataset: inputs by name with a batch dimension. Static schemes need it.

    Raises:
        UserError: when the network holds an operation the converter cannot translate.
    """
    converter = tf.lite.TFLiteConverter.from_saved_model(str(folder), signature_keys=[SIGNATURE])
    if scheme != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if scheme == "float16":
        converter.target_spec.supported_types = [tf.float16]
    elif scheme.startswith("static"):
        if samples is None:
            raise ValueError(f"{scheme} needs samples")
        converter.representative_dataset = lambda: ((SIGNATURE, dict(sample)) for sample in samples)
    if scheme in _OPERATORS:
        converter.target_spec.supported_ops = _OPERATORS[scheme]
        converter.inference_input_type = converter.inference_output_type = tf.as_dtype(boundary)
    try:
        return bytes(converter.convert())
    except tf.errors.InvalidArgumentError as error:
        raise UserError(f"{folder}: the converter refuses the network: {str(error).splitlines()[0]}") from None
    except Exception as error:
        # ConverterError is private to TensorFlow; anything else is a bug and keeps its traceback.
        if type(error).__name__ != "ConverterError":
            raise
        lines = [line for line in str(error).splitlines() if "error:" in line] or str(error).splitlines()
        raise UserError(f"{folder}: the converter cannot translate the network: {lines[-1].split('error: ')[-1]}") from None
