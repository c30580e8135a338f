"""Do the constants of a file hold the values they should, in the file's own format: codes, scales and zero points.

The format's resolution is the limit of what can be shown: a change too small to alter a code or a unit in the last place leaves
no trace in the file, and is no change of it.
"""

from dataclasses import dataclass

import numpy as np

from pipeline.tflite import flatbuffer, operators
from pipeline.tflite.flatbuffer import Tensor

EQUAL, CAST, QUANTIZED = "equal", "cast", "quantized"

_FLOAT32 = 2.0**-23
# Scales are written as float32, and computed from float32 ranges.
SCALE_TOLERANCE = 4 * _FLOAT32
# Where kernel, bias and data stand among an operator's inputs.
KERNELS = {name: (row.kernel, row.bias, row.data) for name, row in operators.LINEAR.items()}
# Dtypes of quantized activations.
ACTIVATIONS = ("int8", "uint8", "int16")
# Output scale (8 and 16 bits) and zero point (8 bits) that the kernels of LiteRT take for granted.
FIXED = {name: row.fixed for name, row in operators.OPERATORS.items() if row.fixed is not None}


@dataclass(frozen=True, kw_only=True)
class Check:
    """One constant of the found file beside the value it should hold.

    Attributes:
        how: EQUAL, CAST (float16) or QUANTIZED; `dtype`: of the found tensor.
        steps: largest error in quantization steps; None unless quantized.
        clipped: entries that lie outside what the codes can express.
        rule: how the scale follows from the values: "symmetric", "asymmetric", "product" (a bias) or "other".
        relative: ||found - expected|| / ||expected||; 0 for equal, None when all of the expected are zero and not the found.
        sqnr_db: the same in decibels; None when equal.
    """

    how: str
    dtype: str
    steps: float | None
    clipped: int
    rule: str | None
    max_error: float
    relative: float | None
    sqnr_db: float | None
    passed: bool
    reason: str


def compare(expected: np.ndarray, found: Tensor, *, slack: np.ndarray | None = None) -> Check:
    """A constant against its value in real units.

    Args:
        expected: the float32 (or integer) constant of the float32 file.
        found: a tensor with a constant.
        slack: how far the value that was stored may lie from `expected`, float64 of its shape, real units; None: not at all.
    """
    if expected.size != int(np.prod(found.shape, dtype=np.int64)):
        return _failed(found, f"has shape {list(found.shape)}; expected {list(expected.shape)}")
    expected = expected.reshape(found.shape)
    apart = None if slack is None else slack.reshape(found.shape)
    stored = flatbuffer.values(found)
    if found.scales is None or found.zero_points is None:
        return _plain(expected, stored, found, apart)
    return _quantized(expected, stored, found, apart)


def kernel_scales(found: Tensor, expected: np.ndarray) -> tuple[str, np.ndarray]:
    """How the scales of a symmetric kernel compare with max |w| / largest code.

    Returns:
        "symmetric" when all of them are that, else "other"; and for each scale its ratio to it, float64 (NaN: all zeros).
    """
    largest = {"int8": 127, "int4": 7, "int2": 1, "int16": 32767}.get(found.dtype, 127)
    if found.scales is None:
        raise ValueError(f"{found.name} is not quantized")
    size = found.scales.size
    if found.block:
        axis = found.quantized_dimension
        shape = [*found.shape[:axis], found.shape[axis] // found.block, found.block, *found.shape[axis + 1 :]]
        bound = np.abs(expected.reshape(shape)).max(axis=axis + 1).ravel()
    elif size == 1:
        bound = np.abs(expected).max(initial=0).reshape(1)
    else:
        others = tuple(axis for axis in range(expected.ndim) if axis != found.quantized_dimension)
        bound = np.abs(expected).max(axis=others)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(bound > 0, found.scales.astype(np.float64) * largest / bound.astype(np.float64), np.nan)
    # Scales of blocks are rounded to bfloat16, which has 8 bits.
    tolerance = 2.0**-8 if found.block else SCALE_TOLERANCE
    return ("symmetric" if np.all(np.isnan(ratio) | (np.abs(ratio - 1) <= tolerance)) else "other"), ratio


def _failed(found: Tensor, reason: str) -> Check:
    return Check(
        how=EQUAL,
        dtype=found.dtype,
        steps=None,
        clipped=0,
        rule=None,
        max_error=0.0,
        relative=None,
        sqnr_db=None,
        passed=False,
        reason=reason,
    )


def _plain(expected: np.ndarray, stored: np.ndarray, found: Tensor, slack: np.ndarray | None) -> Check:
    """A constant that is not quantized: equal in its own dtype."""
    if expected.dtype.kind == "f" and stored.dtype.kind != "f":
        return _failed(found, f"holds {found.dtype} without scales; expected float")
    with np.errstate(over="ignore"):
        wanted = expected.astype(stored.dtype)
    same = (wanted == stored) | (np.isnan(wanted) & np.isnan(stored)) if wanted.dtype.kind == "f" else wanted == stored
    if slack is not None and stored.dtype.kind == "f":
        # Rounding keeps order: whatever lies in between was rounded to something in between.
        with np.errstate(over="ignore"):
            same |= ((expected - slack).astype(stored.dtype) <= stored) & (stored <= (expected + slack).astype(stored.dtype))
    how = EQUAL if stored.dtype == expected.dtype or expected.dtype.kind != "f" else CAST
    error, relative, sqnr = _figures(expected, stored.astype(np.float64))
    equal = "equal bit for bit" if error == 0 else "within float32 rounding"
    reason = {EQUAL: equal, CAST: f"rounded to {found.dtype}"}[how]
    passed = bool(np.all(same))
    if passed and stored.dtype.kind == "f" and not np.isfinite(stored).all():
        passed, reason = False, f"does not fit into {found.dtype}: infinity or NaN"
    elif not passed:
        reason = _difference(expected, stored, ~same)
    return Check(
        how=how,
        dtype=found.dtype,
        steps=None,
        clipped=0,
        rule=None,
        max_error=error,
        relative=relative,
        sqnr_db=sqnr,
        passed=passed,
        reason=reason,
    )


def _quantized(expected: np.ndarray, stored: np.ndarray, found: Tensor, slack: np.ndarray | None) -> Check:
    if found.scales is None or found.zero_points is None:
        raise ValueError(f"{found.name} is not quantized")
    if not (np.isfinite(found.scales).all() and (found.scales > 0).all()):
        return _failed(found, "has a scale that is not a positive number")
    scales = flatbuffer.spread(found, found.scales)
    zero = flatbuffer.spread(found, found.zero_points)
    exact = expected.astype(np.float64) / scales.astype(np.float64)
    low, high = _limits(found.dtype)
    codes = stored.astype(np.float64) - zero
    nearest = np.rint(exact)
    # Quantizers divide in float32 or in float64; at a tie the two may round to different sides.
    single = np.rint(expected.astype(np.float32) / scales).astype(np.float64)
    wanted = [np.clip(value, low - zero, high - zero) for value in (nearest, single)]
    narrow = [np.clip(value, low + 1 - zero, high - zero) for value in (nearest, single)]
    error = np.abs(codes - exact)
    right = np.logical_or.reduce([codes == value for value in (*wanted, *narrow)])
    # The scale itself is rounded to float32: close to a tie that decides, for a bias of many steps above all.
    right |= error <= 0.5 + np.abs(exact) * _FLOAT32 + (0.0 if slack is None else slack / scales.astype(np.float64))
    outside = (exact > high - zero + 0.5) | (exact < low - zero - 0.5)
    inside = ~outside
    real = codes * scales.astype(np.float64)
    largest, relative, sqnr = _figures(expected, real)
    steps = float(error[inside].max(initial=0))
    passed = bool(right.all())
    rule, _ = kernel_scales(found, expected)
    reason = f"at most {steps:.2f} steps off" if passed else _difference(expected, real, ~right, codes=(stored, wanted[0] + zero))
    clipped = int(outside.sum())
    if passed and clipped:
        reason += f", {clipped} clipped"
    return Check(
        how=QUANTIZED,
        dtype=found.dtype,
        steps=steps,
        clipped=clipped,
        rule=rule,
        max_error=largest,
        relative=relative,
        sqnr_db=sqnr,
        passed=passed,
        reason=reason,
    )


def _limits(dtype: str) -> tuple[int, int]:
    bits = int("".join(filter(str.isdigit, dtype)))
    return (0, 2**bits - 1) if dtype.startswith("u") else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


def _figures(expected: np.ndarray, real: np.ndarray) -> tuple[float, float | None, float | None]:
    a = expected.astype(np.float64)
    difference = real - a
    noise, signal = float(np.sum(difference * difference)), float(np.sum(a * a))
    worst = float(np.abs(difference).max(initial=0))
    if not np.isfinite(noise) or not np.isfinite(signal):
        return 0.0, None, None
    if noise == 0:
        return 0.0, 0.0, None
    return (
        worst,
        float(np.sqrt(noise / signal)) if signal > 0 else None,
        float(10 * np.log10(signal / noise)) if signal > 0 else None,
    )


def _difference(
    expected: np.ndarray, found: np.ndarray, wrong: np.ndarray, codes: tuple[np.ndarray, np.ndarray] | None = None
) -> str:
    """Where and how two arrays of one shape differ. Kernels of TFLite have their output channels first, depthwise ones last."""
    at = tuple(int(i) for i in np.argwhere(wrong)[0]) if wrong.ndim else ()
    count = int(wrong.sum())
    what = f"{found[at]:.6g}, expected {expected[at]:.6g}"
    if codes is not None:
        what = f"code {int(codes[0][at])}, expected {int(codes[1][at])}"
    text = f"at {list(at)} found {what}"
    if count == 1:
        return f"one of {found.size} entries differs: {text}"
    if wrong.ndim:
        for axis in (0, wrong.ndim - 1):
            others = tuple(i for i in range(wrong.ndim) if i != axis)
            channels = np.flatnonzero(wrong.any(axis=others))
            if len(channels) < wrong.shape[axis]:
                swapped = _swapped(np.moveaxis(found, axis, 0), np.moveaxis(expected, axis, 0), channels)
                listed = ", ".join(map(str, channels[:8]))
                if swapped:
                    return f"channels {listed} hold each other's weights"
                return f"channels {listed} differ ({count} of {found.size} entries): {text}"
    return f"{count} of {found.size} entries differ: {text}"


def _swapped(found: np.ndarray, expected: np.ndarray, channels: np.ndarray) -> bool:
    if not 2 <= len(channels) <= 64:
        return False
    tolerance = 0.02 * float(np.abs(expected).max(initial=0))
    return all(any(np.abs(found[i] - expected[j]).max(initial=0) <= tolerance for j in channels if j != i) for i in channels)
