"""A constant of a float32 file beside the value that was recomputed for it: within the rounding of float32, or how it differs.

`EXACT`: bit for bit as it lies in the network; `LAYOUT`: with axes reordered; `FOLDED`: computed; `CONVERTER`: the converter's own.
"""

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from pipeline.verification import number_words
from pipeline.verification.rounded_arithmetic import UNIT, Constant

_LEAST_NORMAL = 2.0**-126
# An error without end: a number that JSON holds.
FAR = 1e300
# TFLiteConverter writes infinity as this: its pass tfl-canonicalize-boundary-value, for the sake of delegates.
_LARGEST = float(np.finfo(np.float32).max)
EXACT, LAYOUT, FOLDED, CONVERTER = "exact", "layout", "folded", "converter"


def explained(
    found: np.ndarray, expected: Constant, *, node: str, operations: tuple[str, ...], kind: str, transformation: str
) -> dict[str, Any]:
    """A constant that stands for `expected`: fields of `constant_origin.Row`.

    Args:
        found: in the file, of the shape of `expected`.
        expected: what it should be.
        node: the operation of the network it was compared with.
        operations: those whose constants were folded into it.
        kind, transformation: as in `constant_origin.Row`.
    """
    difference, allowed = _difference(found, expected)
    ratio = _ratio(difference, allowed)
    worst = int(np.argmax(ratio)) if ratio.size else 0
    passed = bool(ratio.size == 0 or ratio.flat[worst] <= 1)
    canonical = passed and bool(np.any(np.isinf(expected.value) & np.isfinite(found)))
    return {
        "elements": int(found.size),
        "variables": sorted(expected.variables),
        "node": node,
        "operations": operations,
        "transformation": transformation,
        "kind": kind,
        "max_error": float(np.where(np.isfinite(difference), difference, FAR).max(initial=0)),
        "share": min(float(ratio.flat[worst]), FAR) if ratio.size else 0.0,
        "passed": passed,
        "reason": f"equal, infinity as the converter writes it ({_LARGEST:.6g})"
        if canonical
        else "equal bit for bit"
        if passed and not difference.any()
        else "within float32 rounding"
        if passed
        else difference_in_words(found, expected.value, ratio > 1),
    }


def slack(expected: Constant, axes: Sequence[int], shape: Sequence[int]) -> np.ndarray:
    """How far two float32 computations of a constant may lie apart: twice what rounding allows around its exact value.

    The bound of `rounded_arithmetic` holds for every order of operations, so for the converter of any year: that of this
    environment, whose constant stands for the exact value elsewhere, and the one that made a foreign file.

    Args:
        expected: the constant, in the network's layout.
        axes: that bring the file's layout into the network's.
        shape: of the constant in the file.

    Returns:
        float64 in the file's layout, real units.
    """
    _, allowed = _difference(np.asarray(expected.value), expected)
    result = np.empty(int(np.prod(shape)))
    places = np.arange(result.size).reshape(shape).transpose(axes)
    result[places.ravel()] = 2 * np.broadcast_to(allowed, np.shape(expected.value)).ravel()
    return result.reshape(shape)


def own(found: np.ndarray, words: str) -> dict[str, Any]:
    """A constant that the converter made for itself: fields of `constant_origin.Row`."""
    return {
        "elements": int(found.size),
        "variables": [],
        "node": "",
        "operations": (),
        "transformation": words,
        "kind": CONVERTER,
        "max_error": None,
        "share": None,
        "passed": True,
        "reason": "the converter's own constant",
    }


def unexplained(found: np.ndarray) -> dict[str, Any]:
    """A constant that nothing explains: fields of `constant_origin.Row`."""
    reason = "nothing in the network explains this constant"
    return own(found, "none found") | {"passed": False, "reason": reason}


def difference_in_words(found: np.ndarray, expected: np.ndarray, wrong: np.ndarray) -> str:
    """What kind of difference this is, in words; channels are the last axis of both.

    Args:
        found: any shape, real units.
        expected: the same shape.
        wrong: bool, the same shape: entries outside their bound, at least one.
    """
    expected = np.broadcast_to(expected, found.shape)
    count = int(wrong.sum())
    at = tuple(int(i) for i in np.unravel_index(int(np.argmax(wrong)), wrong.shape))
    example = f"at {list(at)} {number_words.found_expected(found[at], expected[at])}"
    if count == 1:
        return f"one of {found.size} entries differs: {example}"
    for axes in itertools.permutations(range(found.ndim)) if found.ndim in (2, 3, 4) else ():
        if axes != tuple(range(found.ndim)) and np.allclose(
            found.ravel(), np.transpose(expected, axes).ravel(), rtol=1e-3, atol=1e-3 * float(np.abs(expected).max())
        ):
            return f"the axes are in the wrong order: found those of {list(axes)}"
    if found.ndim:
        a, b = found.reshape(-1, found.shape[-1]).T, expected.reshape(-1, found.shape[-1]).T
        channels = np.flatnonzero(wrong.reshape(-1, found.shape[-1]).any(0))
        if 1 < len(channels) < 65:
            near = [[np.allclose(a[i], b[j], rtol=1e-3, atol=1e-3 * float(np.abs(b[j]).max())) for j in channels] for i in channels]
            if all(any(row) for row in near):
                return f"channels {', '.join(map(str, channels[:8]))} hold each other's weights"
        if len(channels) < found.shape[-1]:
            return f"channels {', '.join(map(str, channels[:8]))} differ ({count} of {found.size} entries): {example}"
    return f"{count} of {found.size} entries differ: {example}"


def _difference(found: np.ndarray, expected: Constant) -> tuple[np.ndarray, np.ndarray]:
    """|found - expected| and what float32 allows, float64."""
    value = np.asarray(expected.value, np.float64) if expected.value.dtype.kind == "f" else expected.value.astype(np.float64)
    other = found.astype(np.float64)
    with np.errstate(invalid="ignore"):
        # Infinity and NaN are what they should be, or nowhere near it.
        same = (other == value) | (np.isnan(other) & np.isnan(value))
        same |= np.isinf(value) & (other == np.clip(value, -_LARGEST, _LARGEST))
        difference = np.where(same, 0.0, np.abs(other - value))
    exact = not np.any(expected.error)
    # A value made in float64 is rounded once more when it is stored.
    if exact:
        return difference, np.zeros(difference.shape)
    error = np.asarray(expected.error)
    # Among the last numbers of float32, what is computed may be rounded to zero.
    allowed = (error.reshape(()) if error.size == 1 else error) + UNIT * np.abs(value) + _LEAST_NORMAL
    return difference, np.broadcast_to(allowed, difference.shape)


def _ratio(difference: np.ndarray, allowed: np.ndarray) -> np.ndarray:
    """Difference in units of what is allowed; NaN counts as infinitely far."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(difference == 0, 0.0, difference / allowed)
    return np.where(np.isnan(ratio), np.inf, ratio)


def distance(found: np.ndarray, expected: Constant) -> float:
    """The largest difference in units of what float32 rounding allows: at most 1 when every entry is within its bound."""
    if found.size != expected.value.size and expected.value.size != 1:
        return float("inf")
    shaped = found if expected.value.size == 1 else found.reshape(expected.value.shape)
    return float(_ratio(*_difference(shaped, expected)).max(initial=0))


def scopes(operations: Sequence[str]) -> str:
    """The layers that operations belong to, in words."""
    return ", ".join(dict.fromkeys(name.rsplit("/", 1)[0] for name in operations))
