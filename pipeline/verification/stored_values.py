"""Do the constants of a file hold the values they should, in the file's own format: codes, scales and zero points.

The format's resolution is the limit of what can be shown: a change too small to alter a code or a unit in the last place leaves
no trace in the file, and is no change of it.
"""

from dataclasses import dataclass

import numpy as np

from pipeline.tflite import flatbuffer, operators
from pipeline.tflite.flatbuffer import Tensor
from pipeline.verification import number_words, stored_layout

EQUAL, CAST, QUANTIZED = "equal", "cast", "quantized"

_FLOAT32 = 2.0**-23
# Scales are written as float32, and computed from float32 ranges.
SCALE_TOLERANCE = 4 * _FLOAT32
# A weight that is this much smaller than the layer's largest is lost without a trace: 8 bits resolve 2^-8 of it, and float32 sums
# of a thousand products round off as much.
NEGLIGIBLE = 2.0**-16
# Integers this wide hold biases.
_BIAS_BITS = 32
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


def compare(
    expected: np.ndarray, found: Tensor, *, broadcasts: bool = False, ties: float = 0.0, slack: np.ndarray | None = None
) -> Check:
    """A constant against its value in real units.

    Args:
        expected: the float32 (or integer) constant of the float32 file.
        found: a tensor with a constant.
        broadcasts: the operator spreads it over the data, so that leading ones of its shape say nothing.
        ties: how far from a tie codes may have been rounded to the other side, in quantization steps.
        slack: how far the value that was stored may lie from `expected`, float64 of its shape, real units; None: not at all.
    """
    if not stored_layout.same_shape(expected.shape, found.shape, broadcasts=broadcasts):
        return _failed(found, f"has shape {list(found.shape)}; expected {list(expected.shape)}")
    wrong = stored_layout.malformed(found)
    if wrong is not None:
        return _failed(found, wrong)
    expected = expected.reshape(found.shape)
    apart = None if slack is None else slack.reshape(found.shape)
    stored = flatbuffer.values(found)
    if found.scales is None or found.zero_points is None:
        return _plain(expected, stored, found, apart)
    return _quantized(expected, stored, found, ties, apart)


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
    # What is NaN or infinity in the network is right in the file.
    if passed and stored.dtype.kind == "f" and not np.isfinite(stored[np.isfinite(expected)]).all():
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


def _quantized(expected: np.ndarray, stored: np.ndarray, found: Tensor, ties: float, slack: np.ndarray | None) -> Check:
    if found.scales is None or found.zero_points is None:
        raise ValueError(f"{found.name} is not quantized")
    scales = flatbuffer.spread(found, found.scales)
    zero = flatbuffer.spread(found, found.zero_points)
    # A quantizer without a least scale writes 0 for a dead channel: all its codes mean 0.
    some = scales > 0
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        exact = np.where(some, expected.astype(np.float64) / scales.astype(np.float64), 0.0)
        single = np.where(some, expected.astype(np.float32) / scales, 0.0)
    low, high = stored_layout.limits(found.dtype)
    codes = np.where(some, stored.astype(np.float64) - zero, 0.0)
    # Quantizers divide in float32 or in float64; at a tie the two may round to different sides.
    nearest = [np.rint(exact), np.rint(single).astype(np.float64)]
    wanted = [np.clip(value, low - zero, high - zero) for value in nearest]
    narrow = [np.clip(value, low + 1 - zero, high - zero) for value in nearest]
    # No integer stands for NaN: whatever does is as wrong, and only what reads it can tell.
    void = np.isnan(expected)
    error = np.where(void, 0.0, np.abs(codes - exact))
    right = np.logical_or.reduce([codes == value for value in (*wanted, *narrow)])
    # The scale itself is rounded to float32: close to a tie that decides, for a bias of many steps above all.
    right |= error <= 0.5 + np.abs(exact) * _FLOAT32 + ties
    if slack is not None:
        right |= some & (error <= 0.5 + np.abs(exact) * _FLOAT32 + slack / np.where(some, scales, 1).astype(np.float64))
    outside = (exact > high - zero + 0.5) | (exact < low - zero - 0.5)
    # A weight may be clipped for the sake of the others, which is for its scale to answer; a bias may not.
    cut = outside if stored_layout.bits_of(found.dtype) >= _BIAS_BITS else np.zeros(outside.shape, bool)
    small = np.abs(expected) <= NEGLIGIBLE * float(np.abs(expected).max(initial=0))
    right = (right & ~cut) & (some | small) | void
    real = codes * scales.astype(np.float64)
    largest, relative, sqnr = _figures(expected, real)
    steps = float(error[~outside].max(initial=0))
    passed = bool(right.all())
    clipped = int(outside.sum())
    if passed:
        reason = f"at most {steps:.2f} steps off" + (f", {clipped} clipped" if clipped else "")
        reason += f", {int(void.sum())} that are no numbers" if void.any() else ""
    elif (cut & ~right).any():
        reason = _too_large(expected, real, cut & ~right, found)
    else:
        reason = _difference(expected, real, ~right, codes=(stored, wanted[0] + zero))
    return Check(
        how=QUANTIZED,
        dtype=found.dtype,
        steps=steps,
        clipped=clipped,
        rule=None,
        max_error=largest,
        relative=relative,
        sqnr_db=sqnr,
        passed=passed,
        reason=reason,
    )


def _too_large(expected: np.ndarray, real: np.ndarray, cut: np.ndarray, found: Tensor) -> str:
    at = tuple(int(i) for i in np.argwhere(cut)[0])
    words = number_words.found_expected(real[at], expected[at])
    return f"{int(cut.sum())} of {cut.size} entries do not fit into {found.dtype} with their scale: at {list(at)} {words}"


def _figures(expected: np.ndarray, real: np.ndarray) -> tuple[float, float | None, float | None]:
    a = expected.astype(np.float64)
    with np.errstate(invalid="ignore"):
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
    what = number_words.found_expected(found[at], expected[at])
    if codes is not None and int(codes[0][at]) != int(codes[1][at]):
        what = f"found code {int(codes[0][at])}, expected {int(codes[1][at])}"
    text = f"at {list(at)} {what}"
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
