"""Tensors of file and network that may be the same."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.equivalence import cut_points


def _rows(*arrays: np.ndarray) -> list[cut_points.Sampled]:
    return [cut_points.sampled(array) for array in arrays]


@settings(deadline=None)
@given(st.integers(1, 5000))
def test_positions_are_the_same_each_time_and_within(count: int) -> None:
    found = cut_points.positions(count)
    np.testing.assert_array_equal(found, cut_points.positions(count))
    assert len(found) == min(count, cut_points.ENTRIES) == len(set(found.tolist()))
    assert found.min() >= 0
    assert found.max() < count


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32 - 1), st.lists(st.integers(1, 9), min_size=1, max_size=4))
def test_equal_values_in_any_shape_are_found_and_no_others(seed: int, shape: list[int]) -> None:
    rng = np.random.default_rng(seed)
    one, two, other = (rng.normal(size=shape).astype(np.float32) for _ in range(3))
    found = cut_points.candidates(
        {0: _rows(one, two), 1: _rows(one, other)},
        {"same": _rows(one.ravel(), two.ravel()), "rounded": _rows(one * np.float32(1 + 1e-5), two), "other": _rows(two, one)},
    )
    assert found == {0: ["same", "rounded"], 1: []}


def test_one_sample_that_differs_is_enough() -> None:
    one, two = np.array([1.0, 2.0], np.float32), np.array([1.0, 2.1], np.float32)
    assert cut_points.candidates({0: _rows(one, one)}, {"a": _rows(one, two)}) == {0: []}


def test_dtypes_are_of_one_kind() -> None:
    numbers = np.array([0, 1, 1])
    given = {"float": numbers.astype(np.float32), "int": numbers, "unsigned": numbers.astype(np.uint8), "truth": numbers > 0}
    network = {name: _rows(array) for name, array in given.items()}
    found = {name: cut_points.candidates({0: _rows(array)}, network)[0] for name, array in given.items()}
    assert found == {"float": ["float"], "int": ["int", "unsigned"], "unsigned": ["int", "unsigned"], "truth": ["truth"]}


def test_infinities_lie_at_the_same_places() -> None:
    one, other = np.array([1.0, np.inf], np.float32), np.array([np.inf, 1.0], np.float32)
    assert cut_points.candidates({0: _rows(one)}, {"a": _rows(one), "b": _rows(other)}) == {0: ["a"]}


def test_what_is_sampled_is_a_copy() -> None:
    values = np.zeros(3, np.float32)
    shape, entries = cut_points.sampled(values)
    values[:] = 1
    assert shape == (3,)
    assert not entries.any()


def test_what_no_operator_has_filled_is_no_number_and_no_warning() -> None:
    signalling = np.array([0x7FA00000, 0x3F800000], np.uint32).view(np.float32)
    row, other = cut_points.sampled(signalling), cut_points.sampled(np.array([np.nan, 1], np.float32))
    assert cut_points.candidates({0: [row], 1: [other]}, {"a": [other], "b": [row]}) == {0: ["a", "b"], 1: ["a", "b"]}
    assert cut_points.candidates({0: [row]}, {"c": [cut_points.sampled(np.ones(2, np.float32))]}) == {0: []}
