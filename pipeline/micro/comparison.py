"""TensorFlow Lite Micro beside LiteRT: how far are the outputs from each other, in steps of their quantization?"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from pipeline.micro.simulation_report import Difference, Output
from pipeline.runtime import interpreter
from pipeline.tflite.flatbuffer import Tensor


def detail(tensor: Tensor) -> Mapping[str, Any]:
    """What `interpreter.quantized` and `interpreter.real` need to know of a tensor."""
    whole = tensor.scales is not None and tensor.zero_points is not None and not tensor.dtype.startswith("float")
    scale = (float(tensor.scales[0]), int(tensor.zero_points[0])) if whole else (0.0, 0)  # type: ignore[index]
    return {"dtype": np.dtype(tensor.dtype), "quantization": scale}


def unit(tensor: Tensor) -> str:
    """What a difference is counted in: steps of the quantization, or the values' own unit."""
    return "steps" if detail(tensor)["quantization"][0] else "values"


def output(found: np.ndarray, judged: np.ndarray, kernels: np.ndarray, tensor: Tensor) -> Output:
    """One output.

    Args:
        found: of TFLM, [n, ...] in the file's dtype.
        judged: of LiteRT as accuracy saw them, in real units.
        kernels: of LiteRT's own kernels, in the file's dtype.
        tensor: the output's.
    """
    return Output(
        unit=unit(tensor),
        judged=_difference(distance(found, interpreter.quantized(judged, detail(tensor)))),
        kernels=_difference(distance(found, kernels)),
    )


def distance(found: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """|found − expected| of each value, float64; a value that only one of them has (NaN, infinity) is infinitely far."""
    a, b = found.astype(np.float64), expected.astype(np.float64).reshape(found.shape)
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    with np.errstate(invalid="ignore"):
        return np.where(same, 0.0, np.nan_to_num(np.abs(a - b), nan=np.inf, posinf=np.inf))


def worst(distances: list[np.ndarray], count: int) -> list[int]:
    """The samples with the largest differences, the worst first, at most `count`; those without any are left out.

    Args:
        distances: of each output, [n, ...]; each counts by its own largest.
    """
    sizes = np.zeros(len(distances[0]))
    for one in distances:
        rows = one.reshape(len(one), -1).max(1, initial=0)
        largest = rows.max(initial=0)
        sizes = np.maximum(sizes, rows / largest if 0 < largest < np.inf else np.where(rows > 0, rows, 0))
    order = np.argsort(-sizes, kind="stable")
    return [int(number) for number in order[:count] if sizes[number] > 0]


def _difference(distances: np.ndarray) -> Difference:
    return Difference(largest=float(distances.max(initial=0)), equal=float(np.mean(distances == 0)))
