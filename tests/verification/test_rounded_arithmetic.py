from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.verification.rounded_arithmetic import ARITHMETIC, ONE, UNIT, ZERO, Constant, combined, product, total

NUMBERS = st.floats(0.0625, 16, width=32)
TWO = ("AddV2", "Sub", "Mul", "RealDiv", "Maximum", "Minimum")
ONE_OPERAND: dict[str, Any] = {
    "Rsqrt": lambda x: 1 / np.sqrt(x),
    "Sqrt": np.sqrt,
    "Square": np.square,
    "Exp": np.exp,
    "Reciprocal": lambda x: 1 / x,
}
FLOAT32 = {
    "AddV2": np.add,
    "Sub": np.subtract,
    "Mul": np.multiply,
    "RealDiv": np.divide,
    "Maximum": np.maximum,
    "Minimum": np.minimum,
}


@given(a=NUMBERS, b=NUMBERS, c=NUMBERS, first=st.sampled_from(TWO), second=st.sampled_from(TWO))
def test_two_operations_in_float32_stay_within_the_bound(a: float, b: float, c: float, first: str, second: str) -> None:
    exact = combined(second, combined(first, of(a), of(b)), of(c))
    single = FLOAT32[second](FLOAT32[first](np.float32(a), np.float32(b)), np.float32(c))
    assert abs(float(single) - float(exact.value)) <= float(exact.error)


@given(a=NUMBERS, op=st.sampled_from(sorted(ONE_OPERAND)))
def test_functions_in_float32_stay_within_the_bound(a: float, op: str) -> None:
    exact = combined(op, combined("Mul", of(a), of(1.1)))
    single = ONE_OPERAND[op](np.float32(a) * np.float32(1.1)).astype(np.float32)
    assert abs(float(single) - float(exact.value)) <= float(exact.error) + UNIT * abs(float(exact.value))


def of(value: float) -> Constant:
    return Constant(value=np.asarray(np.float32(value), np.float64), variables=frozenset([str(value)]), nodes=(str(value),))


def test_what_a_result_depends_on() -> None:
    found = combined("AddV2", of(1.0), of(2.0))
    assert found.variables == {"1.0", "2.0"}
    assert found.nodes == ("1.0", "2.0")


def test_one_and_zero_cost_no_rounding() -> None:
    x = of(3.0)
    assert product(ONE, x) is product(x, ONE) is total(ZERO, x) is total(x, ZERO) is x
    assert product(ZERO, x) is ZERO


@pytest.mark.parametrize("op", ["Maximum", "Neg", "Abs"])
def test_what_does_not_round_adds_no_error(op: str) -> None:
    operands = (of(1.0),) * (2 if op == "Maximum" else 1)
    assert not np.any(ARITHMETIC[op](*operands)[1])
