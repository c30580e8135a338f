"""Limits of one output, of formats alone; simulated ones are in test_expected_noise.py."""

import numpy as np
import pytest

from pipeline.tflite.flatbuffer import Graph, Tensor
from pipeline.verification.output_limits import Allowance, Limits


def limits(dtype: str) -> Limits:
    tensor = Tensor(name="y", shape=(1, 3), dtype="float32", data=None, scales=None, zero_points=None, quantized_dimension=0)
    graph = Graph(signature="s", inputs={}, outputs={"y": 0}, tensors=[tensor], operators=[])
    allowance = Allowance(weights=dtype, activations=dtype, rounding=16.0, margin_db=12.0)
    return Limits("y", allowance, graph, None, np.ones((4, 3), np.float32), None)


def test_a_decision_may_change_where_noise_reaches() -> None:
    """int8 of crest 4 and 10: noise of (16 + 100) / (3 * 65536) of the power, 12 dB more of it, three times its root, twice."""
    reference = np.ones((4, 3), np.float32)
    reach = 2 * 3 * np.sqrt(116 / (3 * 65536)) * 10 ** (12 / 20)
    margins = np.array([0.99 * reach, 1.01 * reach])
    assert limits("int8").close(np.array([0, 2]), margins, reference) == pytest.approx(1.0)
    assert limits("int8").close(np.zeros(0, np.int64), np.zeros(0), reference) == 0.0


def test_samples_set_apart_are_not_judged_and_may_decide_otherwise() -> None:
    reference, predicted = np.ones((4, 3), np.float32), np.ones((4, 3), np.float32)
    predicted[2] = 2.0
    found = limits("float32")
    found.set_apart(reference, predicted, lambda at: {"y": np.full(len(at), 5.0)})
    assert found.judged(4).tolist() == [0, 1, 3]
    assert "1 ill-conditioned samples (c)" in found.why(["a", "b", "c", "d"])
    assert found.close(np.array([2]), np.array([9.0]), reference) == 1.0
