import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.lib import ranges

VALUES = st.lists(st.floats(-100, 100), min_size=2, max_size=20)


@given(VALUES, st.randoms())
def test_min_max_does_not_depend_on_the_order(values: list[float], random: object) -> None:
    lows = np.array(values)
    shuffled = np.random.default_rng(0).permutation(lows)
    assert ranges.min_max(lows, lows + 1) == ranges.min_max(shuffled, shuffled + 1) == (lows.min(), lows.max() + 1)


def test_moving_average_by_hand() -> None:
    low, high = ranges.moving_average(np.array([0.0, -1.0]), np.array([10.0, 20.0]))
    assert (low, high) == pytest.approx((0.95 * 0 - 0.05, 0.95 * 10 + 0.05 * 20))


def test_stability_compares_the_halves() -> None:
    lows, highs = np.zeros(4), np.array([1.0, 1.0, 2.0, 2.0])
    assert ranges.stability({"t": (lows, highs)}, method="min_max") == {"t": 0.5}
    assert ranges.stability({"t": (lows, np.ones(4))}, method="min_max") == {"t": 0.0}
    assert ranges.stability({"t": (lows[:1], highs[:1])}, method="min_max") == {"t": 1.0}
