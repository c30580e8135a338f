from pathlib import Path

import pytest

from pipeline import files, paths
from pipeline.tflite import flatbuffer
from pipeline.tflite.flatbuffer import Tensor
from pipeline.tflite.macs import macs
from tests.graphs import graph, tensor


def test_of_the_shipped_example_by_hand(finished: Path) -> None:
    """8x8 images: 3x3 convolution to 16, depthwise 3x3, 1x1 to 32, pooled to 4x4, dense 512 to 32 to 10."""
    expected = {"CONV_2D": 64 * 9 * 16 + 64 * 16 * 32, "DEPTHWISE_CONV_2D": 64 * 9 * 16, "FULLY_CONNECTED": 512 * 32 + 32 * 10}
    for variant in ("float32", "int8", "int16x8"):
        assert macs(flatbuffer.read(files.read_bytes(finished / paths.variant_model(variant)))) == expected


@pytest.mark.parametrize(
    ("name", "inputs", "output", "expected"),
    [
        # 4x4x8 values, each from 3x3x2
        ("CONV_2D", [tensor((1, 4, 4, 2)), tensor((8, 3, 3, 2))], tensor((1, 4, 4, 8)), 128 * 18),
        # grouped: 4 of 8 channels meet each other
        ("CONV_2D", [tensor((1, 4, 4, 8)), tensor((8, 3, 3, 4))], tensor((1, 4, 4, 8)), 128 * 36),
        ("CONV_3D", [tensor((1, 4, 4, 4, 2)), tensor((3, 3, 3, 2, 5))], tensor((1, 2, 2, 2, 5)), 40 * 54),
        ("DEPTHWISE_CONV_2D", [tensor((1, 4, 4, 2)), tensor((1, 5, 3, 6))], tensor((1, 4, 4, 6)), 96 * 15),
        ("TRANSPOSE_CONV", [tensor((4,)), tensor((7, 2, 2, 3)), tensor((1, 4, 4, 3))], tensor((1, 8, 8, 7)), 48 * 28),
        # each of 2x2x2x3 values meets 27 places of 5 channels
        ("CONV_3D_TRANSPOSE", [tensor((5,)), tensor((3, 3, 3, 5, 3)), tensor((1, 2, 2, 2, 3))], tensor((1, 4, 4, 4, 5)), 24 * 135),
        ("FULLY_CONNECTED", [tensor((6, 20)), tensor((5, 20)), None], tensor((6, 5)), 600),
        ("BATCH_MATMUL", [tensor((2, 3, 4)), tensor((2, 4, 5))], tensor((2, 3, 5)), 120),
        # 4 gates with 3 inputs and 6 units, 7 steps
        (
            "UNIDIRECTIONAL_SEQUENCE_LSTM",
            [tensor((1, 7, 3)), *[tensor((6, 3))] * 4, *[tensor((6, 6))] * 4],
            tensor((1, 7, 6)),
            7 * 4 * 54,
        ),
    ],
)
def test_each_operator_by_hand(name: str, inputs: list[Tensor | None], output: Tensor, expected: int) -> None:
    assert macs(graph(name, inputs, output)) == {name: expected}


def test_what_multiplies_nothing_counts_nothing() -> None:
    assert macs(graph("RELU", [tensor((1, 9))], tensor((1, 9)))) == {}
    assert macs(graph("EMBEDDING_LOOKUP", [tensor((3,), "int32"), tensor((50, 8))], tensor((3, 8)))) == {}


@pytest.mark.parametrize("shape", [(), (0, 20), (5, 0)])
def test_weights_whose_shape_the_file_does_not_tell_count_nothing(shape: tuple[int, ...]) -> None:
    """After training with fake quantization, a kernel is computed in the file, and has no shape there."""
    assert macs(graph("FULLY_CONNECTED", [tensor((6, 20)), tensor(shape), None], tensor((6, 5)))).get("FULLY_CONNECTED", 0) == 0
    loop = graph("UNIDIRECTIONAL_SEQUENCE_LSTM", [tensor((1, 7, 3)), *[tensor((6, 3))] * 8], tensor(()))
    assert macs(loop).get("UNIDIRECTIONAL_SEQUENCE_LSTM", 0) == 0


def test_weights_whose_shape_the_file_does_not_tell_are_not_counted() -> None:
    """Fake quantization of a kernel becomes QUANTIZE and DEQUANTIZE, whose outputs the converter leaves without a shape."""
    assert macs(graph("FULLY_CONNECTED", [tensor((6, 20)), tensor(()), None], tensor((6, 5)))) == {}
