"""What counts as the same result of the same arithmetic."""

from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.equivalence import local_comparison

SEEDS = st.integers(0, 2**32 - 1)


def _product(seed: int, *, terms: int = 64, rows: int = 20, channels: int = 6) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, terms)).astype(np.float32)
    return x, (rng.normal(size=(terms, channels)) * 10 ** rng.uniform(-1, 1, channels)).astype(np.float32)


def _excess(found: np.ndarray, expected: np.ndarray, nudged: np.ndarray | None = None, *, apart: bool = False) -> float:
    return local_comparison.excess(found, expected, apart=apart, nudged=lambda: expected if nudged is None else nudged)


@settings(deadline=None, max_examples=40)
@given(SEEDS)
def test_sums_in_another_order_are_the_same(seed: int) -> None:
    x, w = _product(seed, terms=512)
    order = np.random.default_rng(seed).permutation(512)
    expected = x @ w
    backwards = np.asarray(np.sum(x[:, order, None] * w[order], axis=1, dtype=np.float32))
    assert _excess(backwards, expected, local_comparison.nudged(x) @ w) <= 1


@settings(deadline=None, max_examples=40)
@given(SEEDS, st.integers(0, 5))
def test_a_channel_that_is_off_is_another_result(seed: int, channel: int) -> None:
    """However small it is beside the others: by a hundredth, gone, or with the other sign."""
    x, w = _product(seed)
    expected = x @ w
    nudged = local_comparison.nudged(x) @ w
    for factor in (1.01, -1.0, 0.0):
        found = expected.copy()
        found[:, channel] *= np.float32(factor)
        assert _excess(found, expected, nudged) > 1
    rolled = np.roll(expected, 1, axis=1)
    assert _excess(rolled, expected, nudged) > 1


@settings(deadline=None, max_examples=40)
@given(SEEDS, st.sampled_from([1e-6, 1e-3, 1.0, 1e3, 1e6]))
def test_neither_order_nor_unit_matters(seed: int, unit: float) -> None:
    """Rows and channels in another order, the same on both sides, and both in another unit, say the same."""
    rng = np.random.default_rng(seed)
    x, w = _product(seed)
    expected = x @ w
    found = (expected * (1 + 1e-4 * rng.normal(size=expected.shape))).astype(np.float32)
    own = _excess(found, expected)
    rows, channels = rng.permutation(20), rng.permutation(6)
    assert _excess(found[rows][:, channels], expected[rows][:, channels]) == pytest.approx(own, rel=1e-4)
    scale = np.float32(unit)
    assert _excess(found * scale, expected * scale) == pytest.approx(own, rel=1e-2)


@settings(deadline=None, max_examples=40)
@given(SEEDS)
def test_the_same_is_no_difference(seed: int) -> None:
    values = np.random.default_rng(seed).normal(size=(3, 4)).astype(np.float32)
    assert _excess(values, values) == 0
    assert _excess(values.reshape(12), values) == 0  # the shape is what the next operator makes of it
    assert _excess(values[:2], values) == np.inf


def test_what_is_not_finite_is_not_compared_but_must_not_be_made() -> None:
    expected = np.array([1.0, np.inf, np.nan, 2.0], np.float32)
    assert _excess(np.array([1.0, 5.0, 7.0, 2.0], np.float32), expected) == 0
    assert _excess(np.array([np.nan, 5.0, 7.0, 2.0], np.float32), expected) == np.inf
    assert _excess(np.array([1.0, 5.0, 7.0, np.inf], np.float32), expected) == np.inf
    assert _excess(np.zeros(4, np.float32), np.full(4, np.nan, np.float32)) == 0


def test_entries_apart_are_judged_by_their_own_size() -> None:
    expected = np.array([[1e4], [1e-2], [1.0]], np.float32)
    found = expected.copy()
    found[1] = 0.0101
    assert _excess(found, expected) < 1  # the channel is a million times as large
    assert _excess(found, expected, apart=True) > 1


def test_a_steep_function_may_differ_by_what_rounding_of_its_input_does() -> None:
    x = np.linspace(9_000, 10_000, 64, dtype=np.float32)[:, None]
    expected = np.sin(x)
    found = np.sin(np.nextafter(x, np.float32(np.inf)))
    assert _excess(found, expected) > 1
    assert _excess(found, expected, np.sin(local_comparison.nudged(x))) <= 1
    assert _excess(np.cos(x), expected, np.sin(local_comparison.nudged(x))) > 1


def test_integers_and_truths_are_equal_or_tip_over() -> None:
    expected = np.array([1, 2, 3], np.int32)
    assert _excess(np.array([1, 2, 3], np.int64), expected) == 0
    assert _excess(np.array([1, 2, 4], np.int32), expected) == np.inf
    assert _excess(np.array([1, 2, 4], np.int32), expected, np.array([1, 2, 4], np.int32)) == 0
    assert _excess(np.array([True, False]), np.array([True, True])) == np.inf


def test_nudging_moves_by_a_few_units_and_only_floats() -> None:
    values = np.random.default_rng(0).normal(size=1000).astype(np.float32)
    moved = local_comparison.nudged(values)
    assert moved.dtype == np.float32
    assert 0 < np.max(np.abs(moved / values - 1)) < 8 * local_comparison.NUDGE
    np.testing.assert_array_equal(moved, local_comparison.nudged(values))
    tokens = np.arange(5)
    assert local_comparison.nudged(tokens) is tokens


def test_the_network_is_run_again_only_when_it_is_needed() -> None:
    def never() -> np.ndarray:
        raise AssertionError

    values = np.ones((4, 4), np.float32)
    excess = partial(local_comparison.excess, nudged=never)
    assert excess(values, values) == 0
    assert excess(values * np.float32(1 + 1e-6), values) <= 1


def test_a_result_may_differ_by_what_rounding_inside_the_file_does_but_no_more_than_numbers_near_one() -> None:
    x = np.linspace(-19, -17, 200, dtype=np.float32).reshape(-1, 1)
    expected = np.log1p(np.exp(x.astype(np.float64))).astype(np.float32)
    found = np.log(np.float32(1) + np.exp(x))
    otherwise = np.log(local_comparison.nudged(np.float32(1) + np.exp(x)))
    nudged = partial(np.multiply, expected, 1 + local_comparison.NUDGE)
    assert local_comparison.excess(found, expected, nudged=nudged) > 1
    assert local_comparison.excess(found, expected, nudged=nudged, rounded=lambda: otherwise) <= 1
    assert local_comparison.excess(found, expected, nudged=nudged, rounded=lambda: None) > 1
    assert local_comparison.excess(found + np.float32(1e-5), expected, nudged=nudged, rounded=lambda: otherwise) > 1
    # What adds a million and takes it away again has lost the rest, however its sums are rounded.
    lost = (x + np.float32(1e6)) - np.float32(1e6)
    again = local_comparison.nudged(x + np.float32(1e6)) - np.float32(1e6)
    assert local_comparison.excess(1e-3 * lost, 1e-3 * x, nudged=lambda: 1e-3 * x, rounded=lambda: 1e-3 * again) > 1
