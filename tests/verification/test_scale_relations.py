import numpy as np
import pytest

from pipeline.tflite.flatbuffer import Graph, Operator, Subgraph, Tensor
from pipeline.verification import scale_relations
from tests.graphs import stored


def dense(bias_scale: float, bias_zero: int = 0, kernel_zero: int = 0, output: tuple[str, float, int] = ("NONE", 0.1, 3)) -> Graph:
    one = np.ones(1, np.float32)
    tensors = [
        activation("x", 0.5, 7),
        stored(np.ones((1, 4), np.int8), one * 0.25, kernel_zero, "kernel"),
        stored(np.ones(1, np.int32), one * bias_scale, bias_zero, "bias"),
        activation("y", output[1], output[2]),
    ]
    operator = Operator(name="FULLY_CONNECTED", inputs=(0, 1, 2), outputs=(3,), options={"fusedActivationFunction": output[0]})
    return graph(tensors, operator)


def activation(name: str, scale: float, zero: int, dtype: str = "int8") -> Tensor:
    scales, zeros = np.array([scale], np.float32), np.array([zero], np.int64)
    return Tensor(name=name, shape=(1, 4), dtype=dtype, data=None, scales=scales, zero_points=zeros, quantized_dimension=0)


def graph(tensors: list[Tensor], operator: Operator) -> Graph:
    inner = Subgraph(name="main", inputs=(0,), outputs=(len(tensors) - 1,), tensors=tensors, operators=[operator])
    return Graph(signature="s", inputs={}, outputs={}, tensors=tensors, operators=[operator], subgraphs=[inner])


def test_a_bias_has_the_product_of_the_scales() -> None:
    assert list(scale_relations.broken(dense(0.125))) == []
    (place, reason), *_ = scale_relations.broken(dense(0.125 * 1.01))
    assert place == (0, 0)
    assert "bias bias: scale 0.12625 of channel 0; expected the product of the data's and the kernel's, 0.125" in reason


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (dense(0.125, bias_zero=1), "bias bias: zero point 1; expected 0"),
        (dense(0.125, kernel_zero=1), "kernel kernel: zero point 1; expected 0"),
        (dense(0.125, output=("RELU", 0.1, -127)), "after RELU it is -128"),
        (
            graph([activation("x", 1, 0), activation("y", 1 / 256, -127)], Operator(name="SOFTMAX", inputs=(0,), outputs=(1,))),
            "SOFTMAX needs",
        ),
        (
            graph([activation("x", 1, 0), activation("y", 1.01, 0)], Operator(name="RESHAPE", inputs=(0,), outputs=(1,))),
            "only moves values",
        ),
        (
            graph([activation("x", 1, 0), activation("y", 1, 1, "int16")], Operator(name="ADD", inputs=(0,), outputs=(1,))),
            "of int16",
        ),
    ],
)
def test_what_is_not_free_to_choose(wrong: Graph, message: str) -> None:
    assert any(message in reason for _, reason in scale_relations.broken(wrong))
