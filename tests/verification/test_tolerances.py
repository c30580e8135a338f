import math

import numpy as np
import pytest

from pipeline.tflite.flatbuffer import Graph, Operator, Subgraph, Tensor
from pipeline.verification import fidelity, tolerances


def test_expected_sqnr_is_that_of_a_real_uniform_quantizer() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=100_000)
    clipped = np.clip(x, -tolerances.CREST_WEIGHTS, tolerances.CREST_WEIGHTS)
    for bits in (4, 8):
        step = 2 * tolerances.CREST_WEIGHTS / 2**bits
        noise = np.mean((np.rint(clipped / step) * step - clipped) ** 2)
        measured = 10 * math.log10(np.mean(clipped**2) / noise)
        assert tolerances.expected_sqnr(weights=f"int{bits}", activations="float32", layers=1) == pytest.approx(measured, abs=0.2)


def test_noise_adds_up_over_layers_and_a_bit_is_six_decibels() -> None:
    one = tolerances.expected_sqnr(weights="int8", activations="float32", layers=1)
    assert tolerances.expected_sqnr(weights="int8", activations="float32", layers=10) == pytest.approx(one - 10)
    assert tolerances.expected_sqnr(weights="int4", activations="float32", layers=1) == pytest.approx(one - 24.08, abs=0.01)
    assert tolerances.expected_sqnr(weights="int8", activations="int8", layers=1) < one
    assert math.isinf(tolerances.expected_sqnr(weights="float32", activations="float32", layers=3))


def test_accumulated_rounding_of_a_dense_layer() -> None:
    shapes = [(1, 64), (10, 64), (1, 10)]
    tensors = [
        Tensor(name=str(i), shape=shape, dtype="float32", data=None, scales=None, zero_points=None, quantized_dimension=0)
        for i, shape in enumerate(shapes)
    ]
    operator = Operator(name="FULLY_CONNECTED", inputs=(0, 1), outputs=(2,))
    inner = Subgraph(name="main", inputs=(0,), outputs=(2,), tensors=tensors, operators=[operator])
    graph = Graph(signature="s", inputs={}, outputs={"y": 2}, tensors=tensors, operators=[operator], subgraphs=[inner])
    # Each output is a sum of 64 products.
    assert tolerances.accumulated_rounding(graph) == pytest.approx(8 * 2.0**-24)
    assert tolerances.layers(graph) == 1
    assert tolerances.step(graph, "y") is None


def test_limits_follow_from_the_format() -> None:
    figures: dict[str, float | None] = {"rms": 1.0}
    exact = tolerances.derive(figures, sqnr=math.inf, rounding=1e-5, margin_db=12, step=None)
    assert exact == {"max_abs_error": 1e-5}
    coarse = tolerances.derive(figures, sqnr=32.0, rounding=1e-5, margin_db=12, step=0.01)
    # 20 dB below a signal of 1 is a noise of 0.1, or ten steps, and half a step for the output itself.
    assert coarse == pytest.approx({"sqnr_db": 20.0, "mean_steps": 10.5})


def test_formats_that_leave_no_signal_are_no_excuse() -> None:
    """Simulated at 10 dB, 12 dB of margin would let noise pass that is larger than the signal."""
    assert tolerances.derive({"rms": 1.0}, sqnr=10.0, rounding=1e-5, margin_db=12, step=None) == {"sqnr_db": 6.0}


def test_simulated_noise_is_measured_and_never_finer_than_the_output_can_hold() -> None:
    reference = np.full((10, 4), 2.0, np.float32)
    noisy = reference + np.float32(0.02)
    # A hundredth of the signal's amplitude.
    assert tolerances.simulated_sqnr(fidelity.measure(reference, noisy), step=None, rounding=1e-6) == pytest.approx(40.0, abs=1e-3)
    coarse = tolerances.simulated_sqnr(fidelity.measure(reference, noisy), step=0.2, rounding=1e-6)
    assert coarse == pytest.approx(10 * math.log10(4 / (0.2**2 / 12)))
    assert tolerances.simulated_sqnr(fidelity.measure(reference, reference), step=None, rounding=1e-3) == pytest.approx(60.0)
    assert tolerances.simulated_sqnr(fidelity.measure(np.zeros((2, 2)), np.ones((2, 2))), step=None, rounding=1e-6) == 0.0
