"""MINIMUM's range, given to what something else reads as well."""

from dataclasses import replace

import numpy as np
import pytest

from pipeline.tflite.flatbuffer import Graph, Operator, Tensor
from pipeline.verification import graph_alignment, narrowed_ranges
from tests.graphs import chain, tensor


def quantized(zero: int, *, codes: list[int] | None = None) -> Tensor:
    found = tensor((1,), "int8", scale=0.1)
    found.zero_points[0] = zero  # type: ignore[index]
    return found if codes is None else replace(found, data=np.array(codes, np.int8).view(np.uint8))


def files(*, bound: float = 0.0, maker: str = "ADD", reader: str | None = "RELU", zero: int = 127) -> tuple[Graph, Graph]:
    """min(x, bound), which ends where x does, and another operator that reads x: in float32 and in int8."""
    both = []
    for quantize in (False, True):
        graph = chain(maker, "MINIMUM", "TANH")
        constant = replace(tensor((1,)), data=np.array([bound], np.float32).view(np.uint8))
        graph.tensors.append(quantized(zero, codes=[127]) if quantize else constant)
        graph.operators[1] = replace(graph.operators[1], inputs=(1, 4))
        graph.operators[2] = replace(graph.operators[2], inputs=(2, 5) if reader else (2,))
        graph.tensors.append(tensor((1,)))
        if reader:
            graph.operators.insert(2, Operator(name=reader, inputs=(1,), outputs=(5,)))
        if quantize:
            graph.tensors[1] = graph.tensors[2] = quantized(zero)
        both.append(graph)
    return both[0], both[1]


@pytest.mark.parametrize(
    ("options", "broken"),
    [
        ({}, True),
        ({"maker": "NEG"}, True),
        # Nothing else reads it, or not its values.
        ({"reader": None}, False),
        ({"reader": "SHAPE"}, False),
        # It ends elsewhere than MINIMUM.
        ({"bound": 3.0}, False),
        ({"zero": 0}, False),
        # It ends there by itself.
        ({"maker": "RELU6"}, False),
        ({"maker": "TANH"}, False),
    ],
)
def test_what_minimum_cuts_off_from_others(options: dict[str, str | float | None], broken: bool) -> None:
    expected, found = files(**options)  # type: ignore[arg-type]
    reasons = [reason for _, reason in narrowed_ranges.broken(expected, found, graph_alignment.align(expected, found))]
    assert any("ends at 0, as MINIMUM does, and RELU reads it as well" in reason for reason in reasons) == broken
    assert broken or not reasons
