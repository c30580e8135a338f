"""Values that show a difference between two parts."""

from typing import Any

import numpy as np
import pytest

from pipeline.verification import stress_inputs

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
    assert len(first) == len(again) == (5 if meeting else 6)
    for one, other in zip(first, again, strict=True):
        assert one[1:] == other[1:]
        for number, values in one.values.items():
            np.testing.assert_array_equal(values, other.values[number])
            assert (values.shape, values.dtype) == (SHAPES[number], FOUND[number].dtype)
    others = _draws(meeting=meeting, seed=2)
    assert any(not np.array_equal(one.values[3], other.values[3]) for one, other in zip(first, others, strict=True))


def test_what_each_draw_is_for() -> None:
    zeros, sizes, wide, opposite, like, integers = _draws()
    assert not zeros.values[3].any()
    magnitudes = np.abs(sizes.values[3])
    assert sizes.apart
    assert (magnitudes.min() < 1e-3, magnitudes.max() > 1e3) == (True, True)
    assert (sizes.values[3] < 0).mean() == pytest.approx(0.5, abs=0.05)
    # Past the bounds of any clipping activation, but where exp is finite.
    assert 20 < np.abs(wide.values[3]).max() < 88
    np.testing.assert_array_equal(opposite.values[3], -wide.values[3])
    assert (like.values[3] >= 0).all()
    assert like.values[3].max() < 4
    # Positions in others stay what they were, but in the last.
    for draw in (zeros, sizes, wide, opposite, like):
        np.testing.assert_array_equal(draw.values[5], FOUND[5])
    assert (np.abs(integers.values[5] - FOUND[5]) <= 1).all()
    assert (integers.values[5] >= 0).all()


def test_numbers_that_a_tensor_may_be_compared_with_are_met_on_both_sides() -> None:
    sizes = np.abs(_draws(around=[2e5])[1].values[3])
    assert (sizes > 2e5).mean() > 0.1
    assert ((sizes > 1e5) & (sizes < 2e5)).mean() > 0.05
    found = {0: np.arange(100, dtype=np.int32)}
    last = list(stress_inputs.draws(found, {0: (100,)}, seed=0, meeting=True, around=[7000.0]))[-1]
    assert {6999, 7000, 7001} <= set(last.values[0].tolist())


def test_truth_values_are_drawn_where_they_may_be() -> None:
    found = {0: np.ones(64, bool)}
    drawn = [draw.values[0] for draw in stress_inputs.draws(found, {0: (64,)}, seed=0, meeting=True)]
    assert drawn[0].all()
    assert not drawn[1].all()
    assert all(draw.values[0].all() for draw in stress_inputs.draws(found, {0: (64,)}, seed=0, meeting=True, choosing=False))


def test_one_sign_is_enough_where_nothing_is_flat() -> None:
    assert [draw.spare for draw in _draws(bending=False)] == [False, False, False, True, False]
    assert not any(draw.spare for draw in _draws())


def test_a_tensor_that_held_nothing_finite_or_one_value() -> None:
    found = {0: np.full(4, np.inf, np.float32), 1: np.full(4, 3.0, np.float32)}
    for draw in list(stress_inputs.draws(found, {0: (50,), 1: (50,)}, seed=0, meeting=True))[1:]:
        for values in draw.values.values():
            assert np.isfinite(values).all()
            assert np.std(values) > 0
