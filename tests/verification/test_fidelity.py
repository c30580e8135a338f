import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pipeline.verification import fidelity

# Two samples of two scores; the difference is 0.1 in one place and the peak is 0.8.
REFERENCE = np.array([[0.8, 0.2], [0.4, 0.6]], np.float32)
PREDICTED = np.array([[0.8, 0.2], [0.5, 0.6]], np.float32)


def test_by_hand() -> None:
    figures = fidelity.measure(REFERENCE, PREDICTED)
    assert figures["peak"] == pytest.approx(0.8)
    assert figures["max_abs_error"] == pytest.approx(0.1 / 0.8)
    assert figures["mean_abs_error"] == pytest.approx(0.1 / 4 / 0.8)
    assert figures["l2_error"] == pytest.approx(0.1 / 0.8)
    # ||reference||^2 = 0.64 + 0.04 + 0.16 + 0.36 = 1.2
    assert figures["relative_l2"] == pytest.approx(0.1 / np.sqrt(1.2))
    assert figures["sqnr_db"] == pytest.approx(10 * np.log10(1.2 / 0.01), rel=1e-6)


def test_identical_outputs_have_no_noise() -> None:
    figures = fidelity.measure(REFERENCE, REFERENCE)
    assert figures["sqnr_db"] is None
    assert figures["relative_l2"] == 0
    assert figures["cosine"] == pytest.approx(1)


def test_a_reference_of_zeros_defines_no_ratio() -> None:
    figures = fidelity.measure(np.zeros((2, 2)), PREDICTED)
    assert figures["sqnr_db"] is None
    assert figures["relative_l2"] is None
    assert figures["cosine"] is None


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_value_that_is_not_finite_is_never_replaced(value: float) -> None:
    predicted = PREDICTED.copy()
    predicted[1, 1] = value
    figures = fidelity.measure(REFERENCE, predicted)
    assert figures.pop("finite") == 0
    assert set(figures.values()) == {None}


def test_shapes_that_differ_are_refused_even_where_numpy_would_broadcast() -> None:
    with pytest.raises(ValueError, match=r"shapes differ: \[2, 2\] and \[1, 2\]"):
        fidelity.measure(REFERENCE, PREDICTED[:1])


@given(
    hnp.arrays(np.float32, (7, 3), elements=st.floats(-100, 100, width=32)),
    hnp.arrays(np.float32, (7, 3), elements=st.floats(-100, 100, width=32)),
    st.integers(1, 30),
)
def test_blocks_make_no_difference(reference: np.ndarray, predicted: np.ndarray, block: int) -> None:
    whole, listed = fidelity.measure(reference, predicted, step=0.5), fidelity.worst(reference, predicted, count=3)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fidelity, "_BLOCK", block)
        figures = fidelity.measure(reference, predicted, step=0.5)
        for name, value in whole.items():
            assert figures[name] == (None if value is None else pytest.approx(value, rel=1e-9, abs=1e-12)), name
        assert fidelity.worst(reference, predicted, count=3) == listed


def test_memory_does_not_grow_with_the_samples(tmp_path: Path) -> None:
    peaks = []
    for count in (4000, 40_000):
        mapped = [
            np.lib.format.open_memmap(tmp_path / f"{count}_{i}.npy", mode="w+", dtype=np.float32, shape=(count, 500))
            for i in range(2)
        ]
        mapped[0][:, ::7] = 1
        mapped[1][:, ::7] = 1.5
        tracemalloc.start()
        assert fidelity.measure(*mapped)["max_abs_error"] == 0.5
        assert len(fidelity.worst(*mapped, count=5)) == 5
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] <= 1.2 * peaks[0], peaks


@given(hnp.arrays(np.float32, (5, 3), elements=st.floats(-100, 100, width=32)), st.floats(0.125, 8, width=32))
def test_a_common_scale_changes_nothing_but_the_peak(reference: np.ndarray, scale: float) -> None:
    """SQNR, cosine and errors in units of the peak are ratios."""
    predicted = reference + np.float32(0.5)
    if not np.abs(reference).max() > 1:
        return
    one = fidelity.measure(reference, predicted)
    other = fidelity.measure(reference.astype(np.float64) * scale, predicted.astype(np.float64) * scale)
    for name in ("max_abs_error", "mean_abs_error", "l2_error", "relative_l2", "sqnr_db"):
        assert other[name] == pytest.approx(one[name], rel=1e-9)


def test_the_largest_error_of_each_sample() -> None:
    reference, predicted = np.zeros((3, 2, 2)), np.zeros((3, 2, 2))
    predicted[1, 0, 1], predicted[2, 1, 0] = -0.5, np.nan
    assert fidelity.largest_errors(reference, predicted)[:2].tolist() == [0.0, 0.5]
    assert np.isnan(fidelity.largest_errors(reference, predicted)[2])


@given(st.integers(1, 2000), st.integers(1, 600))
def test_numbers_are_spread_from_the_first_to_the_last(count: int, most: int) -> None:
    found = fidelity.evenly(count, most)
    assert found[0] == 0
    assert len(found) == min(count, most)
    if most > 1:
        assert found[-1] == count - 1
    assert np.ptp(np.diff(found)) <= 1 if len(found) > 1 else True
