import numpy as np
import pytest

from pipeline.verification import recomputed_value
from pipeline.verification.rounded_arithmetic import Constant


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda w: w[..., [1, 0, 2, 3]], "channels 0, 1 hold each other's weights"),
        (lambda w: w.transpose(1, 0, 2, 3), "the axes are in the wrong order: found those of [1, 0, 2, 3]"),
        (lambda w: w + (np.arange(108).reshape(w.shape) == 5), "one of 108 entries differs: at [0, 0, 1, 1]"),
        (lambda w: w * [1, 1, 2, 1], "channels 2 differ (27 of 108 entries)"),
    ],
)
def test_differences_in_words(change: object, message: str) -> None:
    w = np.random.default_rng(0).normal(size=(3, 3, 3, 4))
    found = change(w)  # type: ignore[operator]
    assert recomputed_value.difference_in_words(found, w, found != w).startswith(message)


def test_a_value_within_its_bound_and_one_outside() -> None:
    expected = Constant(value=np.array([1.0, 2.0]), error=np.array([1e-7, 1e-7]), variables=frozenset(["v"]))
    near, far = np.array([1.0, 2.0 + 1e-7]), np.array([1.0, 2.001])
    assert recomputed_value.distance(expected.value, expected) == 0
    assert 0 < recomputed_value.distance(near, expected) <= 1
    assert recomputed_value.distance(far, expected) > 1
    assert recomputed_value.distance(np.array([1.0, np.nan]), expected) == np.inf
    assert recomputed_value.distance(np.ones(3), expected) == np.inf
    row = recomputed_value.explained(near, expected, node="n", operations=(), kind=recomputed_value.FOLDED, transformation="")
    assert (row["passed"], row["reason"], row["variables"]) == (True, "within float32 rounding", ["v"])
    row = recomputed_value.explained(far, expected, node="n", operations=(), kind=recomputed_value.FOLDED, transformation="")
    assert not row["passed"]


def test_layers_in_words() -> None:
    assert recomputed_value.scopes(["net/bn/mul", "net/bn/add", "net/conv/bias"]) == "net/bn, net/conv"


@pytest.mark.parametrize(("found", "passed"), [(-3.4028235e38, True), (-np.inf, True), (3.4028235e38, False), (-1e38, False)])
def test_infinity_as_the_converter_writes_it(found: float, passed: bool) -> None:
    """A mask of -inf: TFLiteConverter makes the least float32 of it."""
    expected = Constant(value=np.array([-np.inf, 0.0]), error=np.zeros(2), variables=frozenset())
    stored = np.array([found, 0.0], np.float32)
    row = recomputed_value.explained(stored, expected, node="n", operations=(), kind=recomputed_value.EXACT, transformation="")
    assert (row["passed"], recomputed_value.distance(stored, expected) == 0) == (passed, passed)
    if passed and np.isfinite(found):
        assert row["reason"] == "equal, infinity as the converter writes it (3.40282e+38)"


@pytest.mark.parametrize("wrong", [-1e9, float("nan"), float("inf")])
def test_how_far_a_constant_is_from_infinity_fits_into_a_report(wrong: float) -> None:
    expected = Constant(value=np.array([-np.inf, 1.0], np.float32), error=np.zeros(2), variables=frozenset())
    found = np.array([wrong, 1], np.float32)
    row = recomputed_value.explained(found, expected, node="n", operations=(), kind=recomputed_value.EXACT, transformation="")
    assert not row["passed"]
    assert np.isfinite(row["max_error"])  # JSON holds no infinity
