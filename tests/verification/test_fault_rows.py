from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests import faults
from tests.made import Made, certify, named


@pytest.mark.parametrize("scheme", ["dynamic_wi8_afp32", "static_wi8_ai8", "static_wi8_ai16"])
@pytest.mark.parametrize("number", [0, 1])
def test_a_kernel_s_scale_off_by_one_percent(
    nets: Callable[[str], Made], files: Callable[[str, str], bytes], scheme: str, number: int
) -> None:
    def edit(content: Any) -> None:
        faults.rescaled(faults.tensor_of(content, faults.operators(content, "CONV_2D")[number], 1), 2, 1.01)

    wrong = faults.edited(files("convolutions", scheme), edit)
    for algorithm in ("min_max", None):
        report = certify(nets("convolutions"), wrong, scheme, algorithm)
        assert ("conv", "strided")[number] in named(report)


@pytest.mark.parametrize("scheme", ["static_wi8_ai8", "static_wi8_ai16"])
def test_an_activation_s_scale_off_by_one_percent(
    nets: Callable[[str], Made], files: Callable[[str, str], bytes], scheme: str
) -> None:
    def edit(content: Any) -> None:
        faults.rescaled(faults.output_of(content, faults.operators(content, "CONV_2D")[0]), 0, 1.01)

    report = certify(nets("convolutions"), faults.edited(files("convolutions", scheme), edit), scheme)
    # Every bias carries the product of its kernel's and its input's scale.
    assert "strided" in named(report)
    assert {fault["check"] for fault in report["faults"]} == {"scales"}


@pytest.mark.parametrize(
    ("operator", "place", "layer"),
    [("CONV_2D", 1, "strided"), ("CONV_2D", 2, "strided"), ("SOFTMAX", -1, "second"), ("CONV_2D", -1, "relu")],
)
def test_a_zero_point_off_by_one(
    nets: Callable[[str], Made], files: Callable[[str, str], bytes], operator: str, place: int, layer: str
) -> None:
    def edit(content: Any) -> None:
        found = faults.operators(content, operator)[1]
        tensor = faults.output_of(content, found) if place < 0 else faults.tensor_of(content, found, place)
        tensor.quantization.zeroPoint = np.array(tensor.quantization.zeroPoint) + 1

    wrong = faults.edited(files("convolutions", "static_wi8_ai8"), edit)
    report = certify(nets("convolutions"), wrong, "static_wi8_ai8", ranges=True)
    assert not report["passed"]
    assert layer in named(report) or "first" in named(report)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    scheme=st.sampled_from(["dynamic_wi8_afp32", "static_wi8_ai8", "static_wi8_ai16"]),
    kernel=st.sampled_from(faults.KERNELS),
    channel=st.integers(0, 100),
    factor=st.sampled_from([0.99, 1.01, 0.5, 2.0]),
)
def test_no_changed_scale_of_a_kernel_passes_unnoticed(
    nets: Callable[[str], Made],
    files: Callable[[str, str], bytes],
    scheme: str,
    kernel: tuple[str, int],
    channel: int,
    factor: float,
) -> None:
    def edit(content: Any) -> None:
        faults.rescaled(faults.tensor_of(content, faults.operators(content, kernel[0])[kernel[1]], 1), channel, factor)

    assert not certify(nets("convolutions"), faults.edited(files("convolutions", scheme), edit), scheme)["passed"]
