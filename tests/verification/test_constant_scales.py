"""Scales against their rules, computed here by hand, and the noise of scales that follow none."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from litert_quantizer.algorithms.uniform_quantize import octav

from pipeline.tflite.flatbuffer import Tensor
from pipeline.verification import constant_scales
from tests.graphs import stored

WEIGHTS = hnp.arrays(np.float32, (4, 32), elements=st.floats(-2, 2, width=32)).filter(lambda w: np.abs(w).max(axis=1).min() > 0.01)


def quantized(w: np.ndarray, scales: np.ndarray) -> Tensor:
    codes = np.clip(np.rint(w / scales[:, None]), -127, 127).astype(np.int8)
    return stored(codes, scales.astype(np.float32))


def normal(channels: int = 16, count: int = 64) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(channels, count)).astype(np.float32)


@given(WEIGHTS)
def test_min_max_is_sound_whatever_the_weights(w: np.ndarray) -> None:
    found = constant_scales.weigh(w, quantized(w, np.abs(w).max(axis=1) / 127))
    assert found.matches["min_max"].all()
    assert found.ratio == pytest.approx(np.ones(4), rel=1e-6)


def test_min_max_of_values_with_a_zero_point() -> None:
    w = np.linspace(0, 2.55, 20, dtype=np.float32)
    codes = (np.rint(w / 0.01) - 128).astype(np.int8)
    assert constant_scales.weigh(w, stored(codes, np.array([0.01], np.float32), zero=-128)).matches["min_max"].all()
    # The same scale with another zero point clips.
    clipped = np.clip(np.rint(w / 0.01), -128, 127).astype(np.int8)
    found = constant_scales.weigh(w, stored(clipped, np.array([0.01], np.float32), zero=0))
    assert not found.matches["min_max"].any()
    assert found.noise[0] > 1


def test_the_rule_of_a_normal_distribution() -> None:
    w = normal()
    found = constant_scales.weigh(w, quantized(w, 0.05408 * np.sqrt((w**2).mean(axis=1))))
    assert found.matches["mse"].all()
    assert not found.matches["min_max"].any()


def test_the_fixed_point_of_octav_is_the_library_s() -> None:
    w = normal()
    bound = octav._guess_clipping_with_octav(w, 8, 1, 10, 3.0).ravel()
    found = constant_scales.weigh(w, quantized(w, bound / 127))
    assert found.matches["octav"].all()


@pytest.mark.parametrize(
    ("factor", "sound"), [(1.0, True), (1.4, True), (0.98, True), (4.0, False), (300.0, False), (1 / 16, False)]
)
def test_the_noise_of_other_scales(factor: float, sound: bool) -> None:
    w = normal()
    found = constant_scales.weigh(w, quantized(w, factor * np.abs(w).max(axis=1) / 127))
    assert (found.noise <= 1).all() == sound
    if not sound:
        assert (found.noise > 1).all()
    assert bool(found.clipped.any()) == (factor < 1)


def test_what_is_lost_of_a_dead_channel_is_nothing() -> None:
    w = normal()
    w[3] *= np.float32(1e-33)
    w[4] *= np.float32(1e-3)
    scales = np.abs(w).max(axis=1) / 127
    scales[3] = 5e-7 / 127
    assert constant_scales.weigh(w, quantized(w, scales)).negligible()[3]
    # A thousandth of the largest is not nothing.
    scales[4] = 1.0
    assert not constant_scales.weigh(w, quantized(w, scales)).negligible()[4]


def test_the_finest_scale_with_which_a_bias_fits() -> None:
    kernel = stored(np.zeros((2, 3), np.int8), np.ones(2, np.float32))
    data = stored(np.zeros(1, np.int8), np.array([0.5], np.float32))
    needed = constant_scales.bound_by_bias(kernel, np.array([0.25, 0.0], np.float32), data)
    assert needed == pytest.approx([0.25 * 2 / 0.5 / 2**31, 0])
    # With it the bias has half of the codes of 32 bits.
    assert 0.25 / (needed[0] * 0.5) == pytest.approx(2**30, rel=1e-6)


def test_blocks_share_a_scale_in_the_tensor_s_order() -> None:
    tensor = stored(np.arange(12, dtype=np.int8).reshape(2, 6), np.ones(4, np.float32))
    blocks = Tensor(**{**vars(tensor), "block": 3, "quantized_dimension": 1})
    assert constant_scales.grouped(np.arange(12).reshape(2, 6), blocks).tolist() == [[0, 1, 2], [3, 4, 5], [6, 7, 8], [9, 10, 11]]
