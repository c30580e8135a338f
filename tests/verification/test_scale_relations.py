from dataclasses import replace

import numpy as np
import pytest

from pipeline.tflite.flatbuffer import Graph, Operator, Subgraph, Tensor
from pipeline.verification import scale_relations
from tests.graphs import chain, stored, tensor


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


@pytest.mark.parametrize(("name", "sound"), [("ADD", False), ("QUANTIZE", True), ("CAST", True)])
def test_an_operator_of_8_bits_has_one_dtype(name: str, sound: bool) -> None:
    tensors = [activation("x", 1, 0), activation("y", 1, 0, "uint8")]
    found = [reason for _, reason in scale_relations.broken(graph(tensors, Operator(name=name, inputs=(0,), outputs=(1,))))]
    assert any("reads and writes int8 and uint8 (x int8, y uint8)" in reason for reason in found) != sound


def test_a_zero_point_after_relu_is_the_calibrations() -> None:
    """TFLiteConverter has others than the least code where ReLU never gave anything, and where weights or ranges are shared."""
    assert list(scale_relations.broken(dense(0.125, output=("RELU", 0.1, -127)))) == []


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


@pytest.mark.parametrize(
    ("name", "slot", "axis", "block", "message"),
    [
        ("FULLY_CONNECTED", 1, 0, 0, None),
        ("FULLY_CONNECTED", 1, 1, 0, "kernel kernel: scales along axis 1; its channels lie along 0"),
        ("FULLY_CONNECTED", 1, 1, 2, None),
        ("FULLY_CONNECTED", 1, 0, 2, "kernel kernel: blocks along axis 0, that of its channels"),
        ("ADD", 1, 0, 0, "input kernel: 4 scales; ADD reads one"),
        ("DEQUANTIZE", 0, 1, 0, None),
    ],
)
def test_scales_lie_where_the_kernel_reads_them(name: str, slot: int, axis: int, block: int, message: str | None) -> None:
    """LiteRT takes them in the order of the output channels, whatever the file says of their axis."""
    kernel = replace(stored(np.ones((4, 4), np.int8), np.ones(4, np.float32), name="kernel"), quantized_dimension=axis, block=block)
    data = replace(activation("x", 1, 0), scales=None, zero_points=None, dtype="float32")
    wrong = graph([data, kernel, data], Operator(name=name, inputs=(0, 1)[-1 if slot == 0 else 0 :], outputs=(2,)))
    assert [reason for _, reason in scale_relations.broken(wrong)] == ([] if message is None else [message])


@pytest.mark.parametrize(
    "name", ["MAXIMUM", "SELECT_V2", "AVERAGE_POOL_2D", "RESIZE_BILINEAR", "PAD", "TILE", "SPLIT", "TOPK_V2", "ONE_HOT"]
)
def test_codes_that_are_handed_on_keep_their_meaning(name: str) -> None:
    """LiteRT runs MAXIMUM, MINIMUM, SELECT_V2, TILE, AVERAGE_POOL_2D and TOPK_V2 with any scales, and takes none into account."""
    operator = Operator(name=name, inputs=(0,), outputs=(1,))
    assert list(scale_relations.broken(graph([activation("x", 1, 0), activation("y", 1, 0)], operator))) == []
    for scale, zero in ((2.0, 0), (1.0, 3)):
        ((_, reason),) = scale_relations.broken(graph([activation("x", 1, 0), activation("y", scale, zero)], operator))
        assert reason == f"input x: {name} hands on its codes, but scale or zero point of input and output differ"


def test_a_bias_with_another_number_of_scales() -> None:
    wrong = dense(0.125)
    wrong.tensors[2] = replace(wrong.tensors[2], scales=np.ones(3, np.float32), zero_points=np.zeros(3, np.int64))
    assert "bias bias has 3 scales; its kernel has 1" in [reason for _, reason in scale_relations.broken(wrong)]


def test_an_activation_has_one_scale_along_no_axis() -> None:
    """XNNPACK leaves operators whose data says otherwise to other kernels, which round in another way."""
    sound = dense(0.125)
    assert list(scale_relations.broken(sound)) == []
    sound.tensors[0] = replace(sound.tensors[0], quantized_dimension=1)
    assert list(scale_relations.broken(sound)) == [((0, 0), "x: one scale along axis 1")]


def test_weights_that_are_rounded_when_the_file_runs_have_a_scale_for_each_channel() -> None:
    """Training with fake quantization leaves QUANTIZE and DEQUANTIZE of a constant; an activation has no such scales."""
    found = chain("QUANTIZE", "DEQUANTIZE")
    scales = np.array([0.1, 0.2], np.float32)
    channels = replace(tensor((3, 2), "int8", scale=0.1), scales=scales, zero_points=np.zeros(2, np.int64))
    found.tensors[1] = replace(channels, quantized_dimension=1)
    along = "one scale along axis 1"
    assert any(along in reason for _, reason in scale_relations.broken(found))
    found.tensors[0] = replace(found.tensors[0], data=np.zeros(6, np.float32))
    assert not list(scale_relations.broken(found))
    found.tensors[1] = replace(found.tensors[1], scales=np.array([0.1], np.float32), zero_points=np.zeros(1, np.int64))
    assert any(along in reason for _, reason in scale_relations.broken(found))
