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


def test_infinity_may_stand_as_float32s_largest_and_as_nothing_else() -> None:
    """TFLiteConverter writes it so."""
    largest = float(np.finfo(np.float32).max)
    expected = Constant(value=np.array([-np.inf, 1.0], np.float32), error=np.zeros(2), variables=frozenset())

    def row(*values: float) -> dict[str, object]:
        found = np.array(values, np.float32)
        return recomputed_value.explained(found, expected, node="n", operations=(), kind=recomputed_value.EXACT, transformation="")

    assert (row(-largest, 1)["passed"], row(-np.inf, 1)["passed"]) == (True, True)
    assert row(-largest, 1)["reason"] == "infinity, which the converter writes as float32's largest"
    assert row(-np.inf, 1)["reason"] == "equal bit for bit"
    for wrong in ((largest, 1), (-1e9, 1), (-largest, 2), (np.nan, 1), (-largest, -np.inf)):
        assert not row(*wrong)["passed"]
        assert np.isfinite(row(*wrong)["max_error"])  # type: ignore[call-overload]  # JSON holds no infinity
