"""tf.lite.TFLiteConverter: from an exported SavedModel to the bytes of a .tflite file."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from pipeline.errors import Impossible, UserError
from pipeline.source.tensorflow_setup import SIGNATURE, tf
from pipeline.tflite import control_flow, flatbuffer

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
    io_dtype: str = "float32",
    samples: Iterable[Mapping[str, np.ndarray]] | None = None,
    select_tf_ops: bool = False,
    custom_ops: bool = False,
) -> bytes:
    """Convert, and quantize when the scheme says so.

    Args:
        folder: SavedModel with the signature `SIGNATURE`.
        scheme: "float32" or one of `schemes.SCHEMES["converter"]`.
        io_dtype: dtype of inputs and outputs.
        samples: representative dataset: inputs by name with a batch dimension. Static schemes need it.
        select_tf_ops: keep operators that LiteRT lacks as TensorFlow ones.
        custom_ops: keep operators that neither knows as custom ones.

    Raises:
        UserError: when the network holds an operation the converter cannot translate, with the option that would allow it.
        Impossible: when it can, but not quantize it so.
    """
    converter = tf.lite.TFLiteConverter.from_saved_model(str(folder), signature_keys=[SIGNATURE])
    if scheme != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if scheme == "float16":
        converter.target_spec.supported_types = [tf.float16]
    elif scheme.startswith("static"):
        if samples is None:
            raise ValueError(f"{scheme} needs samples")
        if b"While" in (folder / "saved_model.pb").read_bytes():
            # Which of them the converter fuses away, only the float file tells.
            control_flow.refuse(
                flatbuffer.read(convert_saved_model(folder, select_tf_ops=select_tf_ops, custom_ops=custom_ops)), scheme=scheme
            )
        converter.representative_dataset = lambda: ((SIGNATURE, dict(sample)) for sample in samples)
    if scheme in _OPERATORS:
        converter.target_spec.supported_ops = _OPERATORS[scheme]
        converter.inference_input_type = converter.inference_output_type = tf.as_dtype(io_dtype)
    if select_tf_ops:
        converter.target_spec.supported_ops = [*converter.target_spec.supported_ops, _OPS.SELECT_TF_OPS]
    converter.allow_custom_ops = custom_ops
    try:
        return bytes(converter.convert())
    except tf.errors.InvalidArgumentError as error:
        raise _refused(scheme, f"the converter refuses the network: {str(error).splitlines()[0]}") from None
    except (RuntimeError, ValueError) as error:
        # The calibrator's and the quantizer's, which have no type of their own; of the float32 file it would be a bug.
        if scheme == "float32":
            raise
        lines = [line for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
        raise _refused(scheme, f"the converter has no {scheme} for the network: {lines[0].strip()}") from None
    except Exception as error:
        # ConverterError is private to TensorFlow; anything else is a bug and keeps its traceback.
        if type(error).__name__ != "ConverterError":
            raise
        raise _refused(scheme, f"the converter cannot translate the network: {explain(str(error))}") from None


def _refused(scheme: str, happened: str) -> UserError:
    """Of a float file it is the end of the run, of a quantized one a row."""
    if scheme == "float32":
        return UserError(happened)
    if scheme in _OPERATORS and not scheme.endswith("_fallback"):
        return Impossible(happened, f"try scheme {scheme}_fallback, which leaves operators without an integer kernel in float")
    return Impossible(happened, "take the variant out of `quantization`, or make it with the engine `litert`")


def explain(message: str) -> str:
    """What a message of the converter means to the user, in one line.

    Args:
        message: of a ConverterError: diagnostics, and for operators without a kernel the lines `TF Select ops: A, B` and
            `Custom ops: C`.

    Returns:
        The operators with the option that would keep them, or how to export a recurrent network, or the last diagnostic.
    """
    parts = []
    for title, option, needs in (
        ("TF Select ops", "select_tf_ops", "the app must link the Select TF ops, and no stage can run the file here"),
        ("Custom ops", "custom_ops", "the app must bring kernels for them"),
    ):
        if found := re.findall(rf"^{title}: (.+)$", message, re.MULTILINE):
            operators = sorted({name.strip() for line in found for name in line.split(",")})
            parts.append(f"LiteRT has no {', '.join(operators)}; convert.{option}: true keeps them ({needs})")
    if parts:
        return "; ".join(parts) + "; or replace them in the network"
    if "TensorList" in message:
        return (
            "a recurrent layer was traced with a free batch, and only tracing it again fixes that: set convert.batch to 1 or more, "
            "and give the .keras or .h5 file; for a SavedModel that Keras 2 wrote set model.format: keras2_saved_model; any other "
            "must be exported again with a fixed batch"
        )
    lines = [line for line in message.splitlines() if "error:" in line] or message.splitlines() or [""]
    # Where in the graph: the name of an operation, within the calls that led there.
    places = re.findall(r'"([^"@]+)@[^"]*"\] at', lines[-1])
    said = re.sub(r"^.*\]\)*\): ", "", lines[-1].split("error: ")[-1])
    return f"{places[0]}: {said}" if places else said
