"""Constants with a bound on how far float32 arithmetic may be from their exact value, and arithmetic on them.

The bound is the running error analysis of Higham, Accuracy and Stability of Numerical Algorithms (2nd ed., section 3.3):
each float32 operation adds half a unit in the last place of its result to what its operands carry.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

# Unit roundoff of float32, doubled: the order of operations is the converter's choice.
UNIT = 2.0**-23
# Eigen's vectorised reciprocal square root is within two units of the exact result.
_RSQRT_UNITS = 2


@dataclass(frozen=True, kw_only=True)
class Constant:
    """A constant of the graph: `value` in its own shape (float64 for floats), the bound `error` of the same shape on what float32
    arithmetic does to it (0: bit for bit), the variables it depends on and the operations that made it."""

    value: np.ndarray
    error: np.ndarray | float = 0.0
    variables: frozenset[str] = frozenset()
    nodes: tuple[str, ...] = ()


ONE = Constant(value=np.ones(1))
ZERO = Constant(value=np.zeros(1))


def _unary(
    function: Callable[[np.ndarray], np.ndarray], slope: Callable[[np.ndarray, np.ndarray], np.ndarray], units: float
) -> Any:
    def apply(a: Constant) -> tuple[np.ndarray, Any]:
        with np.errstate(divide="ignore", invalid="ignore"):
            value = function(a.value)
            return value, np.abs(slope(a.value, value)) * a.error + units * UNIT * np.abs(value)

    return apply


def _add(a: Constant, b: Constant) -> tuple[np.ndarray, Any]:
    value = a.value + b.value
    return value, a.error + b.error + UNIT * np.abs(value)


def _subtract(a: Constant, b: Constant) -> tuple[np.ndarray, Any]:
    value = a.value - b.value
    return value, a.error + b.error + UNIT * np.abs(value)


def _multiply(a: Constant, b: Constant) -> tuple[np.ndarray, Any]:
    value = a.value * b.value
    return value, np.abs(a.value) * b.error + np.abs(b.value) * a.error + UNIT * np.abs(value)


def _divide(a: Constant, b: Constant) -> tuple[np.ndarray, Any]:
    with np.errstate(divide="ignore", invalid="ignore"):
        value = a.value / b.value
        return value, (a.error + np.abs(value) * b.error) / np.abs(b.value) + UNIT * np.abs(value)


def _larger(a: Constant, b: Constant) -> tuple[np.ndarray, Any]:
    return np.maximum(a.value, b.value), np.maximum(a.error, b.error)


def _smaller(a: Constant, b: Constant) -> tuple[np.ndarray, Any]:
    return np.minimum(a.value, b.value), np.maximum(a.error, b.error)


ARITHMETIC: dict[str, Callable[..., tuple[np.ndarray, Any]]] = {
    "Add": _add,
    "AddV2": _add,
    "BiasAdd": _add,
    "Sub": _subtract,
    "Mul": _multiply,
    "RealDiv": _divide,
    "Maximum": _larger,
    "Minimum": _smaller,
    "Neg": lambda a: (-a.value, a.error),
    "Abs": lambda a: (np.abs(a.value), a.error),
    "Rsqrt": _unary(lambda x: 1 / np.sqrt(x), lambda x, y: y / (2 * x), _RSQRT_UNITS),
    "Sqrt": _unary(np.sqrt, lambda x, y: 1 / (2 * y), 1),
    "Square": _unary(np.square, lambda x, y: 2 * x, 1),
    "Exp": _unary(np.exp, lambda x, y: y, 2),
    "Reciprocal": _unary(lambda x: 1 / x, lambda x, y: y / x, 1),
    "Pow": lambda a, b: (np.power(a.value, b.value), 4 * UNIT * np.abs(np.power(a.value, b.value))),
}


def combined(op: str, *constants: Constant) -> Constant:
    """The result of an operation of `ARITHMETIC`, with the variables and operations of its operands."""
    value, error = ARITHMETIC[op](*constants)
    variables = frozenset().union(*(constant.variables for constant in constants))
    return Constant(value=value, error=error, variables=variables, nodes=tuple(name for one in constants for name in one.nodes))


def product(a: Constant, b: Constant) -> Constant:
    """a * b; `ONE` and `ZERO` themselves cost no rounding."""
    if a is ONE or b is ONE:
        return b if a is ONE else a
    return ZERO if a is ZERO or b is ZERO else combined("Mul", a, b)


def total(a: Constant, b: Constant) -> Constant:
    """a + b; `ZERO` itself costs no rounding."""
    if a is ZERO or b is ZERO:
        return b if a is ZERO else a
    return combined("Add", a, b)
