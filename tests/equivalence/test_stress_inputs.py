"""Values that show a difference between two parts."""

from typing import Any

import numpy as np
import pytest

from pipeline.equivalence import stress_inputs

FOUND = {
    3: np.array([0.0, 0.5, 2.0], np.float32),
    5: np.array([[1, 4], [7, 0]], np.int32),
    6: np.array([True, True, True, True]),
}
SHAPES = {3: (1, 40, 40, 3), 5: (2, 2), 6: (4,)}


def _draws(**options: Any) -> list[stress_inputs.Draw]:
    return list(stress_inputs.draws(FOUND, SHAPES, **{"seed": 1, "meeting": False, **options}))


@pytest.mark.parametrize("meeting", [False, True])
def test_the_same_each_time_with_shapes_and_dtypes_of_the_tensors(meeting: bool) -> None:
    first, again = _draws(meeting=meeting), _draws(meeting=meeting)
    assert len(first) == len(again) == (3 if meeting else 4)
    for one, other in zip(first, again, strict=True):
        assert one[1:] == other[1:]
        for number, values in one.values.items():
            np.testing.assert_array_equal(values, other.values[number])
            assert (values.shape, values.dtype) == (SHAPES[number], FOUND[number].dtype)
    others = _draws(meeting=meeting, seed=2)
    assert any(not np.array_equal(one.values[3], other.values[3]) for one, other in zip(first, others, strict=True))


def test_what_each_draw_is_for() -> None:
    zeros, sizes, wide, like = _draws()
    assert not zeros.values[3].any()
    magnitudes = np.abs(sizes.values[3])
    assert [draw.apart for draw in _draws()] == [False, True, False, False]
    assert (magnitudes.min() < 1e-3, magnitudes.max() > 1e3) == (True, True)
    assert (sizes.values[3] < 0).mean() == pytest.approx(0.5, abs=0.05)
    # Past the bounds of any clipping activation, but where exp is finite.
    assert 20 < np.abs(wide.values[3]).max() < 88
    assert (like.values[3] >= 0).all()
    assert like.values[3].max() < 4


def test_positions_stay_what_they_were_and_numbers_do_not() -> None:
    for draw in _draws():
        np.testing.assert_array_equal(draw.values[5], FOUND[5])
    drawn = [draw.values[5] for draw in stress_inputs.draws(FOUND, SHAPES, seed=1, meeting=False, numbers={5})]
    assert any((values < 0).any() for values in drawn)
    assert max(np.abs(values).max() for values in drawn) <= 8


def test_truth_values_are_drawn_anew() -> None:
    """A mask that was never false hides what is read behind it."""
    drawn = [draw.values[0] for draw in stress_inputs.draws({0: np.ones(64, bool)}, {0: (64,)}, seed=0, meeting=True)]
    assert all(0 < values.mean() < 1 for values in drawn)


def test_a_tensor_that_held_nothing_finite_or_one_value() -> None:
    found = {0: np.full(4, np.inf, np.float32), 1: np.full(4, 3.0, np.float32)}
    for draw in list(stress_inputs.draws(found, {0: (50,), 1: (50,)}, seed=0, meeting=True))[1:]:
        for values in draw.values.values():
            assert np.isfinite(values).all()
            assert np.std(values) > 0


def test_what_no_input_changes_stays_what_it_was() -> None:
    zeros = {3: np.zeros(SHAPES[3], np.float32)}
    for draw in stress_inputs.draws(zeros, SHAPES, seed=1, meeting=False, given={3}):
        assert not draw.values[3].any()
        assert draw.values[3].shape == SHAPES[3]


def test_lengths_are_never_negative() -> None:
    drawn = [draw.values[5] for draw in stress_inputs.draws(FOUND, SHAPES, seed=1, meeting=False, numbers={5}, given={5})]
    assert min(values.min() for values in drawn) >= 1
    assert any(not np.array_equal(values, FOUND[5]) for values in drawn)
