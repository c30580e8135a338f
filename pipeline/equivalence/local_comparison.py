"""Are two results of the same arithmetic in float32 the same, whatever the order of their sums?"""

from collections.abc import Callable

import numpy as np

from pipeline.tflite import flatbuffer
from pipeline.tflite.rounding_between import rounded_otherwise

# Share of a channel's size: some hundred times what summing a thousand products in another order does, far below what another
# operator, option or order of channels does.
RELATIVE = 2e-5
# Share of the whole tensor's size below which a channel is dead.
_FLOOR = 1e-7
# What is left of numbers near one that cancel each other within an operation, as in the tails of GELU.
ROUNDED = 2e-6
# A result may be as far away as inputs that are this much off would put it, times `_SLACK`: cancellation, steep functions.
NUDGE, _SLACK = 2.0**-21, 8.0
_TELLING = 16


def excess(
    found: np.ndarray,
    expected: np.ndarray,
    *,
    apart: bool = False,
    nudged: Callable[[], np.ndarray],
    rounded: Callable[[], np.ndarray | None] | None = None,
) -> float:
    """The largest difference in units of what is allowed: at most 1 when the two are the same.

    Args:
        found: a file's result.
        expected: the network's from the same inputs, of the same number of entries; entries that are not finite are beyond what the
            operation is defined for and not compared.
        apart: each entry is judged by its own size, not by that of its channel.
        nudged: computes the network's result from inputs that are off by `NUDGE`; called only when it is needed.
        rounded: computes the file's with that much between its operators, where there are several and it can: log(1 + exp x)
            keeps of a small exp x what a number near one can.
    """
    if found.size != expected.size:
        return float("inf")
    found = found.reshape(expected.shape)
    if expected.dtype.kind != "f":
        wrong = found.astype(expected.dtype) != expected
        if not wrong.any():
            return 0.0
        # A comparison or a rounding may tip over at a tie.
        return float("inf") if np.any(wrong & (nudged() == expected)) else 0.0
    a, b = np.atleast_1d(found, expected)
    finite = np.isfinite(b)
    if not finite.all():
        if not finite.any():
            return 0.0
        a, b = np.where(finite, a, 0), np.where(finite, b, 0)
    # In the precision of the results: what is allowed is a thousand times coarser.
    with np.errstate(invalid="ignore", over="ignore"):
        difference, size = np.abs(a - b), np.abs(b)
    if apart:
        allowed = RELATIVE * size + ROUNDED
    else:
        sizes = _sizes(b)
        allowed = RELATIVE * (size + sizes) + _FLOOR * np.sqrt(np.mean(np.square(sizes, dtype=np.float64)))
    ratio = _ratio(difference, allowed)
    if ratio <= 1:
        return ratio
    moved = np.atleast_1d(nudged())
    sensitive = np.where(np.isfinite(moved) & finite, np.abs(moved - b), 0)
    if not apart:
        # A few values of a channel say little of how rounding moves it; then all channels tell.
        axes = tuple(range(b.ndim - 1)) if b.size >= _TELLING * b.shape[-1] else None
        sensitive = np.max(sensitive, axis=axes, keepdims=True)
    allowed = allowed + _SLACK * sensitive
    ratio = _ratio(difference, allowed)
    otherwise = None if ratio <= 1 or rounded is None or apart else rounded()
    if otherwise is None:
        return ratio
    with np.errstate(invalid="ignore", over="ignore"):
        between = np.abs(np.where(finite, np.atleast_1d(otherwise).reshape(b.shape), 0) - a)
    # No more than numbers near one: a file that adds a million and takes it away again has lost what it should keep.
    return _ratio(difference, allowed + np.minimum(_SLACK * np.max(between, axis=axes, keepdims=True), ROUNDED))


def nudged(values: np.ndarray) -> np.ndarray:
    """Values that are off by a few units in the last place; those of other dtypes than floats as they are."""
    if values.dtype.kind != "f":
        return values
    rng = np.random.default_rng(0)
    return np.asarray(values * (1 + NUDGE * rng.standard_normal(values.shape)), values.dtype)


def between(model: bytes) -> bytes:
    """A float file whose operators' results are off by `NUDGE`, for `rounded` of `excess`."""
    count = len(flatbuffer.read(model).operators)
    return rounded_otherwise(model, [NUDGE] * count, np.random.default_rng(0))


def _sizes(values: np.ndarray) -> np.ndarray:
    """The root mean square of each channel of the last axis."""
    rows = values.reshape(-1, values.shape[-1])
    with np.errstate(over="ignore"):
        squares = np.einsum("ij,ij->j", rows, rows)
    if not np.isfinite(squares).all():
        squares = np.einsum("ij,ij->j", rows, rows, dtype=np.float64)
    return np.asarray(np.sqrt(squares / len(rows)))


def _ratio(difference: np.ndarray, allowed: np.ndarray) -> float:
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.divide(difference, allowed, out=np.zeros_like(difference), where=difference != 0)
    worst = float(np.max(ratio, initial=0))
    return float("inf") if np.isnan(worst) else worst
