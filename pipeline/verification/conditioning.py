"""How far the network itself moves by rounding: where it moves as much as a file differs, the difference is not the file's.

A sum that cancels leaves nothing but rounding, and a logarithm behind it makes that large: kernels that add in another order differ
there, and so does the network when its input, or what its operators pass on, is rounded otherwise in float32 (Higham, Accuracy and
Stability of Numerical Algorithms, 2nd ed., section 1.6).
"""

import math
from collections.abc import Mapping

import numpy as np

from pipeline.runtime import interpreter
from pipeline.tflite import flatbuffer
from pipeline.tflite.rounding_between import rounded_otherwise
from pipeline.verification import fidelity, tolerances

# How often everything is rounded otherwise, and by which seed.
_DRAWS, _SEED = 4, 0


def moves(float32: bytes, samples: Mapping[str, np.ndarray], at: np.ndarray) -> dict[str, np.ndarray]:
    """How far the outputs of a float file move when its inputs and the results of its operators are rounded otherwise.

    Args:
        float32: .tflite file.
        samples: inputs [n, ...] by name; those of integers stay as they are.
        at: numbers of the samples, [k].

    Returns:
        For each output float64 [k]: the largest change of any of its values.
    """
    chosen = {name: np.asarray(array[at]) for name, array in samples.items()}
    before = interpreter.predict(float32, chosen, workers=1)
    graph, rng = flatbuffer.read(float32), np.random.default_rng(_SEED)
    # One unit in the last place at least, and sqrt(n) roundoffs for n products.
    steps = [
        max(2.0, math.sqrt(tolerances.products(operator, graph.tensors))) * tolerances.UNIT_ROUNDOFF for operator in graph.operators
    ]
    found = {name: np.zeros(len(at)) for name in before}
    for _ in range(_DRAWS):
        moved = {name: rounded(array, rng) for name, array in chosen.items()}
        after = interpreter.predict(rounded_otherwise(float32, steps, rng), moved, workers=1)
        for name, array in after.items():
            found[name] = np.fmax(found[name], fidelity.largest_errors(before[name], array))
    return found


def rounded(array: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Each value one unit in the last place up or down; a zero by as much as the sample's largest value."""
    if array.dtype != np.float32:
        return array
    up = rng.random(array.shape) < 0.5
    moved = np.nextafter(array, np.where(up, np.inf, -np.inf).astype(np.float32))
    largest = np.abs(array).reshape(len(array), -1).max(1, initial=0).reshape(-1, *([1] * (array.ndim - 1)))
    small = np.where(up, 1, -1) * np.spacing(largest)
    return np.where((array == 0) & (largest > 0), small, moved if largest.any() else array).astype(np.float32)
