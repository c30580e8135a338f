import pytest

from pipeline.lib import macs
from pipeline.lib.flatbuffer import Operator, Tensor


def tensor(*shape: int) -> Tensor:
    return Tensor(name="", shape=shape, dtype="float32", data=None, scales=None, zero_points=None, quantized_dimension=0)


@pytest.mark.parametrize(
    ("name", "shapes", "expected"),
    [
        # 5 x 5 x 8 outputs of 3 x 3 x 4 products each
        ("CONV_2D", [(1, 5, 5, 4), (8, 3, 3, 4), (1, 5, 5, 8)], 200 * 36),
        ("DEPTHWISE_CONV_2D", [(1, 5, 5, 4), (1, 3, 3, 4), (1, 5, 5, 4)], 100 * 9),
        ("FULLY_CONNECTED", [(1, 64), (10, 64), (1, 10)], 640),
        ("BATCH_MATMUL", [(2, 3, 4), (2, 4, 5), (2, 3, 5)], 30 * 4),
        ("SOFTMAX", [(1, 10), (1, 10), (1, 10)], 0),
    ],
)
def test_by_hand(name: str, shapes: list[tuple[int, ...]], expected: int) -> None:
    tensors = [tensor(*shape) for shape in shapes]
    assert macs.operator_macs(Operator(name=name, inputs=(0, 1), outputs=(2,)), tensors) == expected


def test_each_entry_of_a_transposed_convolution_s_input_meets_the_kernel() -> None:
    tensors = [tensor(4), tensor(6, 3, 3, 8), tensor(1, 5, 5, 8), tensor(1, 10, 10, 6)]
    operator = Operator(name="TRANSPOSE_CONV", inputs=(0, 1, 2), outputs=(3,))
    assert macs.operator_macs(operator, tensors) == 5 * 5 * 8 * 9 * 6
