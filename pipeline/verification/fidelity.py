"""How close two sets of outputs are. Arrays in, numbers out; everything is accumulated in float64.

Arrays are read a block of samples at a time, so that memory-mapped ones may be larger than memory.
"""

from collections.abc import Iterator

import numpy as np

# Values of a block, 8 bytes each.
_BLOCK = 2**20


def measure(reference: np.ndarray, predicted: np.ndarray, *, step: float | None = None) -> dict[str, float | None]:
    """Compare one output of the original network with the same output of a converted file.

    Args:
        reference: [n, ...], any real dtype.
        predicted: the same shape.
        step: the output's quantization step in its own units, None when it is not quantized.

    Returns:
        With d = predicted - reference and p = max |reference| (the peak, 1 when the reference is all zeros):

        - `finite`: 1.0 when no value of either is NaN or infinite, else 0.0 and everything below is None;
        - `max_abs_error`: max |d| / p; `mean_abs_error`: mean |d| / p;
        - `l2_error`: the largest L2 norm of d of one sample / p;
        - `relative_l2`: ||d|| / ||reference||, None when the reference is all zeros and d is not;
        - `cosine`: <reference, predicted> / (||reference|| ||predicted||), None when one of them is all zeros;
        - `sqnr_db`: 10 log10(||reference||^2 / ||d||^2), the signal to quantization noise ratio in decibels, None when d is
          zero (no noise) or the reference is;
        - `peak`: p in the output's own units; `rms`: the root mean square of the reference in them;
        - `mean_steps`, `max_steps`: mean |d| and max |d| in quantization steps, None without `step`.

    Raises:
        ValueError: when the shapes differ.
    """
    if reference.shape != predicted.shape:
        raise ValueError(f"shapes differ: {list(reference.shape)} and {list(predicted.shape)}")
    names = (
        "max_abs_error",
        "mean_abs_error",
        "l2_error",
        "relative_l2",
        "cosine",
        "sqnr_db",
        "peak",
        "rms",
        "mean_steps",
        "max_steps",
    )
    signal = power = noise = product = total = peak = largest = longest = 0.0
    for _, a, b in blocks(reference, predicted):
        if not (np.isfinite(a).all() and np.isfinite(b).all()):
            return {"finite": 0.0, **dict.fromkeys(names)}
        difference = b - a
        signal += float(np.sum(a * a))
        power += float(np.sum(b * b))
        noise += float(np.sum(difference * difference))
        product += float(np.sum(a * b))
        total += float(np.abs(difference).sum())
        peak = max(peak, float(np.abs(a).max()))
        largest = max(largest, float(np.abs(difference).max()))
        longest = max(longest, float(np.linalg.norm(difference.reshape(len(a), -1), axis=1).max()))
    peak, norms, size = peak or 1.0, np.sqrt(signal) * np.sqrt(power), reference.size
    return {
        "finite": 1.0,
        "max_abs_error": largest / peak,
        "mean_abs_error": total / size / peak,
        "l2_error": longest / peak,
        "relative_l2": 0.0 if noise == 0 else float(np.sqrt(noise / signal)) if signal > 0 else None,
        "cosine": float(product / norms) if norms > 0 else None,
        "sqnr_db": float(10 * np.log10(signal / noise)) if noise > 0 and signal > 0 else None,
        "peak": peak,
        "rms": float(np.sqrt(signal / size)),
        "mean_steps": None if step is None else total / size / step,
        "max_steps": None if step is None else largest / step,
    }


def worst(reference: np.ndarray, predicted: np.ndarray, *, count: int) -> list[tuple[int, float]]:
    """The samples with the largest errors.

    Args:
        reference: [n, ...].
        predicted: the same shape.
        count: at most so many.

    Returns:
        Index and max |difference| of each in the output's own units, the largest first; samples without an error are left out. A
        difference that is not finite counts as the largest and is given as infinity.
    """
    difference = largest_errors(reference, predicted)
    difference = np.where(np.isfinite(difference), difference, np.inf)
    order = np.argsort(-difference, kind="stable")[:count]
    return [(int(index), float(difference[index])) for index in order if difference[index] > 0]


def largest_errors(reference: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """max |difference| of each sample in the output's own units: float64 [n], NaN where a difference is.

    Args:
        reference: [n, ...].
        predicted: the same shape.
    """
    found = np.empty(len(reference))
    with np.errstate(invalid="ignore"):
        for rows, a, b in blocks(reference, predicted):
            found[rows] = np.abs(b - a).reshape(len(a), -1).max(axis=1, initial=0)
    return found


def evenly(count: int, most: int) -> np.ndarray:
    """Numbers of samples spread evenly over `count`, `most` at the most and at least one: int64 [k], rising."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(np.int64))


def blocks(reference: np.ndarray, predicted: np.ndarray) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
    """Which samples, and both arrays of them as float64."""
    length = max(1, _BLOCK * len(reference) // max(1, reference.size))
    for start in range(0, len(reference), length):
        rows = slice(start, start + length)
        yield rows, reference[rows].astype(np.float64), predicted[rows].astype(np.float64)
