"""ai-edge-quantizer: observing a float32 .tflite file on samples, and quantizing it."""

import contextlib
import io
import warnings
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from ai_edge_quantizer import algorithm_manager, calibrator, qtyping, quantizer
from ai_edge_quantizer.algorithm_manager import AlgorithmName

from pipeline.lib.errors import UserError

_Operation = qtyping.TFLOperationName
_WEIGHTED = (
    _Operation.FULLY_CONNECTED,
    _Operation.CONV_2D,
    _Operation.DEPTHWISE_CONV_2D,
    _Operation.CONV_2D_TRANSPOSE,
    _Operation.BATCH_MATMUL,
)
_ALGORITHMS = {
    "min_max": AlgorithmName.MIN_MAX_UNIFORM_QUANT,
    "mse": AlgorithmName.MSE,
    "octav": AlgorithmName.OCTAV,
}


def observe(
    model: bytes, samples: Iterable[Mapping[str, np.ndarray]], *, signature: str
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Least and greatest value of every float tensor in every sample.

    Args:
        model: float32 .tflite file.
        samples: inputs by name, with a batch dimension.
        signature: key of the signature to run.

    Returns:
        For each tensor's name two float64 [n].
    """

    def append(known: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
        return {key: np.concatenate([known[key], new[key]]) for key in ("min", "max")}

    measured = calibrator.Calibrator(
        model, num_threads=1, mode=calibrator.CalibrationMode.CALIBRATION_PROFILER_BASED, qsv_update_func=append
    )
    # This mode does not use the recipe.
    with contextlib.redirect_stderr(io.StringIO()):  # its progress bar
        measured.calibrate({signature: [dict(sample) for sample in samples]}, None)
    found = measured.get_model_qsvs()
    return {name: (np.asarray(qsv["min"], np.float64), np.asarray(qsv["max"], np.float64)) for name, qsv in sorted(found.items())}


def quantize(
    model: bytes, *, scheme: str, algorithm: str, boundary: str, ranges: Mapping[str, tuple[float, float]] | None = None
) -> bytes:
    """Quantize a float32 .tflite file.

    Args:
        model: the file.
        scheme: one of `schemes.SCHEMES["litert"]`; float32 returns the file as it is.
        algorithm: how scales are chosen, one of the scheme's.
        boundary: dtype of inputs and outputs; float32 keeps them in float under a static scheme.
        ranges: range of each tensor; static schemes need it.

    Returns:
        The bytes of the quantized file.

    Raises:
        UserError: when a tensor the scheme needs has no range.
    """
    if scheme == "float32":
        return model
    work = quantizer.Quantizer(bytearray(model))
    for operation, key in _plan(_ALGORITHMS[algorithm] if scheme != "float16" else AlgorithmName.FLOAT_CASTING):
        if scheme == "float16":
            work.add_weight_only_config(".*", operation, num_bits=16, algorithm_key=key)
        elif scheme == "dynamic_wi8_afp32":
            work.add_dynamic_config(".*", operation, num_bits=8, algorithm_key=key)
        else:
            bits = {"static_wi8_ai8": 8, "static_wi8_ai16": 16}[scheme]
            work.add_static_config(".*", operation, activation_num_bits=bits, weight_num_bits=8, algorithm_key=key)
    if ranges is not None and boundary == "float32":
        for end in (_Operation.INPUT, _Operation.OUTPUT):
            work.update_quantization_recipe(".*", end, algorithm_key=AlgorithmName.NO_QUANTIZE)
    statistics = None
    if ranges is not None:
        statistics = {name: {"min": np.array([low]), "max": np.array([high])} for name, (low, high) in ranges.items()}
    try:
        with warnings.catch_warnings():
            # The library opens an interpreter with options meant for debugging, which warns.
            warnings.filterwarnings("ignore", message=".*experimental_preserve_all_tensors.*")
            result = work.quantize(statistics, enable_progress_bar=False, enable_progress_report=False)
    except (KeyError, ValueError, RuntimeError) as error:
        if "QSV" not in str(error) and "min/max" not in str(error):
            raise
        raise UserError(f"quantize: {scheme}: a tensor has no measured range ({error}); run `dvc repro calibrate`") from None
    if result.quantized_model is None:
        raise UserError(f"quantize: {scheme}: ai-edge-quantizer made no model")
    return bytes(result.quantized_model)


def _plan(algorithm: str) -> list[tuple[qtyping.TFLOperationName, str]]:
    """Which algorithm for which operation, the later rule winning.

    An algorithm that does not know an operation would leave it in float without a word (MSE leaves pooling and softmax), so
    min/max serves all operations first and the algorithm those with weights that it knows.
    """
    if algorithm in (AlgorithmName.MIN_MAX_UNIFORM_QUANT, AlgorithmName.FLOAT_CASTING):
        return [(_Operation.ALL_SUPPORTED, algorithm)]
    known = [(operation, algorithm) for operation in _WEIGHTED if algorithm_manager.is_op_registered(algorithm, operation)]
    return [(_Operation.ALL_SUPPORTED, AlgorithmName.MIN_MAX_UNIFORM_QUANT), *known]
