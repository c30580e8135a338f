from dataclasses import replace

import numpy as np
import pytest

from pipeline.tflite.flatbuffer import Tensor
from pipeline.verification import stored_layout
from tests.graphs import stored

ONES = np.ones((4, 6), np.int8)


def one(**changes: object) -> Tensor:
    return replace(stored(ONES, np.ones(4, np.float32)), **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("tensor", "reason"),
    [
        (one(), None),
        (one(scales=np.ones(1, np.float32), zero_points=np.zeros(1, np.int64), quantized_dimension=7), None),
        (one(shape=(4, 5)), "holds 24 bytes; [4, 5] of int8 are 20"),
        (one(dtype="int4"), "holds 24 bytes; [4, 6] of int4 are 12"),
        (one(dtype="float16", shape=(2, 6)), "is float16 and has scales; expected integers"),
        (one(zero_points=np.zeros(3, np.int64)), "has 4 scales and 3 zero points"),
        (one(scales=np.array([1, np.nan, 1, 1], np.float32)), "has a scale that is not a positive number"),
        (one(quantized_dimension=2), "has scales along axis 2 of 2"),
        (one(quantized_dimension=1), "has 4 scales for 6 entries of axis 1"),
        (one(block=4, quantized_dimension=1), "has 4 scales for blocks of 4 in [4, 6]"),
        (one(block=3, quantized_dimension=1, scales=np.ones(8, np.float32), zero_points=np.zeros(1, np.int64)), None),
    ],
)
def test_what_keeps_a_constant_from_being_read(tensor: Tensor, reason: str | None) -> None:
    assert stored_layout.malformed(tensor) == reason


@pytest.mark.parametrize(
    ("dtype", "low", "high"), [("int8", -128, 127), ("uint8", 0, 255), ("int4", -8, 7), ("int16", -32768, 32767)]
)
def test_limits(dtype: str, low: int, high: int) -> None:
    assert stored_layout.limits(dtype) == (low, high)
