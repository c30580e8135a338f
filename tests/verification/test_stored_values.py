import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pipeline.tflite.flatbuffer import Tensor
from pipeline.verification import stored_values
from tests.graphs import stored

WEIGHTS = hnp.arrays(np.float32, (3, 5), elements=st.floats(-2, 2, width=32)).filter(lambda w: np.abs(w).max(axis=1).min() > 0.01)


def quantized(w: np.ndarray, *, bits: int = 8, zero: int = 0, scales: np.ndarray | None = None) -> Tensor:
    """Symmetric min/max by output channel, written out by hand."""
    largest = 2 ** (bits - 1) - 1
    scales = (np.abs(w).max(axis=1) / largest).astype(np.float32) if scales is None else scales
    codes = np.clip(np.rint(w / scales[:, None]), -largest, largest).astype(np.int8 if bits == 8 else np.int16)
    return stored(codes, scales, zero)


@given(WEIGHTS)
def test_min_max_codes_are_within_half_a_step(w: np.ndarray) -> None:
    check = stored_values.compare(w, quantized(w))
    assert check.passed
    assert check.steps is not None
    assert check.steps <= 0.5 + 1e-4


@given(WEIGHTS, st.integers(0, 14), st.sampled_from([-1, 1]))
def test_one_code_off_is_seen(w: np.ndarray, at: int, by: int) -> None:
    good = quantized(w)
    assert good.data is not None
    codes = good.data.view(np.int8).copy()
    exact = float(w.ravel()[at]) / float(good.scales[at // 5])  # type: ignore[index]
    changed = int(codes[at]) + by
    if abs(changed) > 127 or abs(abs(exact - np.floor(exact)) - 0.5) < 1e-5:
        return  # no such code, or a tie, at which both neighbours are half a step away
    codes[at] = changed
    check = stored_values.compare(w, stored(codes.reshape(3, 5), good.scales))
    assert not check.passed
    assert "one of 15 entries differs" in check.reason


@given(WEIGHTS, st.integers(0, 2))
def test_one_scale_off_by_one_percent_is_seen(w: np.ndarray, channel: int) -> None:
    good = quantized(w)
    assert good.scales is not None
    scales = good.scales.copy()
    scales[channel] *= np.float32(1.01)
    found = stored(good.data.view(np.int8).reshape(3, 5), scales)  # type: ignore[union-attr]
    # The largest weight of the channel has code 127, which is now 1.27 steps off.
    assert not stored_values.compare(w, found).passed


def test_clipped_values_are_counted() -> None:
    w = np.array([[1.0, -3.0, 0.5]], np.float32)
    check = stored_values.compare(w, quantized(w, scales=np.array([1 / 127], np.float32)))
    assert check.passed
    assert check.clipped == 1
    assert "1 clipped" in check.reason


def test_float16_must_be_the_nearest() -> None:
    w = np.array([[0.1, 0.2]], np.float32)
    half = w.astype(np.float16)
    assert stored_values.compare(w, stored(half)).how == stored_values.CAST
    assert stored_values.compare(w, stored(half)).passed
    assert not stored_values.compare(w, stored(np.nextafter(half, np.float16(1)))).passed
    assert "does not fit" in stored_values.compare(np.array([[1e6]], np.float32), stored(np.array([[np.inf]], np.float16))).reason


def test_infinity_and_nan_are_right_where_the_network_has_them() -> None:
    w = np.array([[np.nan, -np.inf, 0.5, 1.0]], np.float32)
    for dtype in (np.float32, np.float16):
        kept = stored_values.compare(w, stored(w.astype(dtype)))
        assert kept.passed, kept.reason
        for place, value in ((0, 0.0), (0, np.inf), (1, np.inf), (1, np.nan), (2, np.nan), (2, np.inf)):
            wrong = w.astype(dtype)
            wrong[0, place] = value
            assert not stored_values.compare(w, stored(wrong)).passed
            allowed = stored_values.compare(w, stored(wrong), slack=np.full(w.shape, 0.1))
            assert not allowed.passed, (place, value)
    overflowing = np.array([[np.nan, 1e6]], np.float32)
    with np.errstate(over="ignore"):
        assert "does not fit" in stored_values.compare(overflowing, stored(overflowing.astype(np.float16))).reason


def test_float32_is_compared_bit_for_bit() -> None:
    w = np.array([[0.1, 0.2, 0.3]], np.float32)
    assert stored_values.compare(w, stored(w)).passed
    assert not stored_values.compare(w, stored(np.nextafter(w, np.float32(1)))).passed
    assert stored_values.compare(w, stored(w[:, :2])).reason == "has shape [1, 2]; expected [1, 3]"


def test_two_channels_that_were_swapped_are_named() -> None:
    w = np.random.default_rng(0).normal(size=(6, 8)).astype(np.float32)
    assert stored_values.compare(w, stored(w[[0, 4, 2, 3, 1, 5]])).reason == "channels 1, 4 hold each other's weights"


def test_a_shape_is_that_of_the_network_not_its_size() -> None:
    w = np.arange(6, dtype=np.float32).reshape(2, 3)
    assert stored_values.compare(w, stored(w.reshape(3, 2))).reason == "has shape [3, 2]; expected [2, 3]"
    assert not stored_values.compare(w, stored(w.reshape(1, 2, 3))).passed
    assert stored_values.compare(w, stored(w.reshape(1, 2, 3)), broadcasts=True).passed
    assert not stored_values.compare(w, stored(w.reshape(2, 1, 3)), broadcasts=True).passed
    assert stored_values.compare(np.array(3, np.float32), stored(np.array([3], np.float32))).passed


def test_a_bias_that_its_scale_cannot_hold_is_lost() -> None:
    bias = np.array([0.25, 3e-12], np.float32)
    scales = np.array([1e-13, 1e-13], np.float32)
    check = stored_values.compare(bias, stored(np.array([2**31 - 1, 30], np.int32), scales))
    assert not check.passed
    assert check.reason == "1 of 2 entries do not fit into int32 with their scale: at [0] found 0.000214748, expected 0.25"


def test_a_dead_channel_may_have_a_scale_of_zero_and_no_other_may() -> None:
    w = np.array([[1.0, -0.5], [1e-33, 0.0]], np.float32)
    codes = np.array([[127, -64], [127, 0]], np.int8)
    assert stored_values.compare(w, stored(codes, np.array([1 / 127, 0], np.float32))).passed
    w[1, 0] = 0.01
    assert not stored_values.compare(w, stored(codes, np.array([1 / 127, 0], np.float32))).passed
    negative = stored_values.compare(w, stored(codes, np.array([1 / 127, -1], np.float32)))
    assert negative.reason == "has a scale that is not a positive number"


def test_digits_until_the_numbers_differ() -> None:
    w = np.array([-0.00958052, 1.0], np.float32)
    other = np.nextafter(w, np.float32(0))
    other[1] = 1.0
    reason = stored_values.compare(w, stored(other)).reason
    found, expected = reason.split(" found ")[1].split(", expected ")
    assert found != expected


def test_nothing_stands_for_nan_and_the_others_are_compared() -> None:
    w = np.array([[1.0, np.nan, -0.5]], np.float32)
    scale = np.array([1 / 127], np.float32)
    for code, other, passed in ((0, -64, True), (77, -64, True), (0, -60, False)):
        check = stored_values.compare(w, stored(np.array([[127, code, other]], np.int8), scale))
        assert check.passed == passed
        assert check.steps is not None
        assert np.isfinite(check.steps)
        assert not passed or check.reason.endswith("1 that are no numbers")
