"""Preprocessing steps: one function and one row in `STEPS` each. The very same list serves calibration, tuning and evaluation.

A step takes one input of one sample, without a batch dimension, and keyword options, and returns the array that replaces it.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np


def rescale(sample: np.ndarray, *, scale: float, offset: float) -> np.ndarray:
    """`sample * scale + offset` as float32, computed in float64. Any shape and numeric dtype."""
    return (sample.astype(np.float64) * scale + offset).astype(np.float32)


def cast(sample: np.ndarray, *, dtype: str) -> np.ndarray:
    """The same values in another dtype. Any shape."""
    return sample.astype(dtype)


STEPS: dict[str, Callable[..., np.ndarray]] = {"rescale": rescale, "cast": cast}


def apply(sample: Mapping[str, np.ndarray], steps: Iterable[tuple[str, Mapping[str, Any]]]) -> dict[str, np.ndarray]:
    """Apply a list of (name, options) to every input of a sample, in order."""
    result = dict(sample)
    for name, options in steps:
        result = {key: STEPS[name](value, **options) for key, value in result.items()}
    return result
