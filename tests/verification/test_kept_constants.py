"""The output of a channel without weights, computed by hand."""

from typing import Any

import numpy as np
import pytest

from pipeline.tflite.flatbuffer import Tensor
from pipeline.verification import kept_constants
from tests.graphs import stored

STEP = 0.02
# 6 / 255: what ReLU6 gives.
DATA = stored(np.zeros(1, np.int8), np.array([6 / 255], np.float32), zero=-128)


def output(step: float = STEP, zero: int = 0) -> Tensor:
    return stored(np.zeros(1, np.int8), np.array([step], np.float32), zero=zero)


def steps(scale: float, held: float, *, weights: float = 1e-33, code: int = 0, to: Tensor | None = None, **changes: Any) -> float:
    """Of a channel of four weights whose kernel has this scale, and its bias of so much the nearest code."""
    kernel = stored(np.full((2, 4), code, np.int8), np.array([1.0, scale], np.float32))
    product = np.float32(scale) * np.float32(6 / 255)
    codes = np.array([0, np.rint(held / product)]).astype(np.int64)
    given: dict[str, Any] = {
        "bias": stored(codes, np.array([6 / 255, product], np.float32)),
        "constant": np.array([0, held], np.float32),
    }
    ends = {"data": DATA, "output": to or output()}
    found = kept_constants.steps_off(kernel, np.full((2, 4), weights, np.float32), **{**given, **ends, **changes})
    assert found is not None
    return float(found.constant[1] + found.weights[1])


def test_a_fine_scale_keeps_the_constant() -> None:
    assert steps(1e-6, 0.3) < 1e-3


def test_a_coarse_scale_loses_it_though_its_code_is_the_nearest() -> None:
    assert steps(1000.0, 0.3) == pytest.approx(0.3 / STEP, rel=1e-6)
    # 0.3 lies between 0.25 and 0.5 of a product of 0.25.
    assert steps(0.25 * 255 / 6, 0.3) == pytest.approx(0.05 / STEP, rel=1e-5)


def test_a_scale_below_what_kernels_multiply_with_loses_it() -> None:
    """QuantizeMultiplier: of 2^-32 the sum counts, of less it is 0."""
    limit = 2.0**-32 * STEP * 255 / 6
    assert steps(limit * 1.001, 0.3) < 1e-3
    assert steps(limit * 0.999, 0.3) == pytest.approx(0.3 / STEP, rel=1e-6)


def test_what_the_output_cannot_express_does_not_count() -> None:
    """Behind ReLU a constant below 0 is 0, whatever it is."""
    assert steps(1000.0, -0.3, to=output(zero=-128)) < 1e-20
    assert steps(1000.0, -0.3) == pytest.approx(0.3 / STEP, rel=1e-6)


def test_weights_that_were_lost_count_with_the_largest_data() -> None:
    assert steps(1e-6, 0.0, weights=1e-4) == pytest.approx(4 * 1e-4 * 6 / STEP, rel=1e-5)
    assert steps(1e-6, 0.0, weights=3e-6, code=3) == pytest.approx(0, abs=1e-6)


def test_a_bias_that_is_gone_or_was_added() -> None:
    gone: dict[str, Any] = {"bias": None}
    assert steps(1e-6, 0.3, **gone) == pytest.approx(0.3 / STEP, rel=1e-6)
    assert steps(1e-6, 0.3, constant=None) == pytest.approx(0.3 / STEP, rel=1e-5)


def test_floats_have_no_steps() -> None:
    kernel, values = stored(np.zeros((2, 4), np.int8), np.ones(2, np.float32)), np.zeros((2, 4), np.float32)
    floats = Tensor(**{**vars(DATA), "dtype": "float32", "scales": None, "zero_points": None})
    for data, to in ((floats, output()), (DATA, floats), (None, output())):
        assert kept_constants.steps_off(kernel, values, constant=None, bias=None, data=data, output=to) is None


def test_idle_beside_the_constant_or_the_steps() -> None:
    kernel, values = stored(np.zeros((2, 4), np.int8), np.ones(2, np.float32)), np.full((2, 4), 1e-12, np.float32)
    assert kept_constants.idle(kernel, values, constant=np.array([0.02, 0.01]), off=None).tolist() == [True, False]
    # 4e-12 lies between the two times 2^-32.
    assert 0.01 * 2.0**-32 < 4e-12 < 0.02 * 2.0**-32
    assert not kept_constants.idle(kernel, values, constant=None, off=None).any()
    off = kept_constants.Off(constant=np.array([0.001, 0.003]), weights=np.array([0.002, 0.002]))
    assert kept_constants.idle(kernel, values, constant=None, off=off).tolist() == [True, False]


def test_words_name_the_worst_and_count_the_others() -> None:
    assert kept_constants.lost(np.ones(3), np.array([0.5, 0.0, 0.4])) is None
    words = kept_constants.lost(np.array([1.0, 20.0, 3.0]), np.array([1.0, 15.0, 0.4]))
    assert words is not None
    assert "channel 1 has no weights to speak of, and its constant is not kept: with a scale of 20" in words
    assert words.endswith("15 of its steps off, at most 0.5 (and 1 more)")
