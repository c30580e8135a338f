"""How close two sets of outputs are. Arrays in, numbers out; everything is accumulated in float64."""

import numpy as np


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
        - `agreement`: share of the decisions (largest of the last dimension) that are the same, None when that has one entry;
        - `peak`: p in the output's own units; `rms`: the root mean square of the reference in them;
        - `mean_steps`, `max_steps`: mean |d| and max |d| in quantization steps, None without `step`.

    Raises:
        ValueError: when the shapes differ.
    """
    if reference.shape != predicted.shape:
        raise ValueError(f"shapes differ: {list(reference.shape)} and {list(predicted.shape)}")
    a, b = reference.astype(np.float64), predicted.astype(np.float64)
    names = (
        "max_abs_error",
        "mean_abs_error",
        "l2_error",
        "relative_l2",
        "cosine",
        "sqnr_db",
        "agreement",
        "peak",
        "rms",
        "mean_steps",
        "max_steps",
    )
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        return {"finite": 0.0, **dict.fromkeys(names)}
    difference = b - a
    peak = float(np.abs(a).max()) or 1.0
    signal, noise = float(np.sum(a * a)), float(np.sum(difference * difference))
    norms = np.sqrt(signal) * np.linalg.norm(b)
    return {
        "finite": 1.0,
        "max_abs_error": float(np.abs(difference).max()) / peak,
        "mean_abs_error": float(np.abs(difference).mean()) / peak,
        "l2_error": float(np.linalg.norm(difference.reshape(len(a), -1), axis=1).max()) / peak,
        "relative_l2": 0.0 if noise == 0 else float(np.sqrt(noise / signal)) if signal > 0 else None,
        "cosine": float(np.sum(a * b) / norms) if norms > 0 else None,
        "sqnr_db": float(10 * np.log10(signal / noise)) if noise > 0 and signal > 0 else None,
        "agreement": agreement(a, b),
        "peak": peak,
        "rms": float(np.sqrt(signal / a.size)),
        "mean_steps": None if step is None else float(np.abs(difference).mean()) / step,
        "max_steps": None if step is None else float(np.abs(difference).max()) / step,
    }


def agreement(reference: np.ndarray, predicted: np.ndarray) -> float | None:
    """Share of positions [n, ..., c] at which both have their largest entry in the same place; None when c is 1 or missing."""
    if reference.ndim < 2 or reference.shape[-1] < 2:
        return None
    return float(np.mean(reference.argmax(-1) == predicted.argmax(-1)))


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
    difference = np.abs(predicted.astype(np.float64) - reference.astype(np.float64)).reshape(len(reference), -1).max(axis=1)
    difference = np.where(np.isfinite(difference), difference, np.inf)
    order = np.argsort(-difference, kind="stable")[:count]
    return [(int(index), float(difference[index])) for index in order if difference[index] > 0]
