"""Multiplications and additions of one inference, counted from the shapes in the file."""

import math
from collections.abc import Sequence

from pipeline.tflite.flatbuffer import Graph, Operator, Tensor


def macs(graph: Graph) -> dict[str, int]:
    """Multiply-accumulate operations for each type of operator that has any, at the shapes in the file (free dimensions: 1).

    A convolution makes kernel height x kernel width x input channels of them for each output value, a depthwise one without
    the channels, a dense layer one for each weight and row. Padding counts as if it were data, as is usual; the body of a
    loop counts once.
    """
    counted: dict[str, int] = {}
    for subgraph in graph.subgraphs:
        for operator in subgraph.operators:
            if found := of_operator(operator, subgraph.tensors):
                counted[operator.name] = counted.get(operator.name, 0) + found
    return counted


def of_operator(operator: Operator, tensors: Sequence[Tensor]) -> int:
    """Those of one operator; 0 for types that make none.

    Args:
        operator: its tensors are numbers in `tensors`.
        tensors: of its subgraph.
    """
    if operator.name not in _COUNT:
        return 0
    inputs = [tensors[i] if i >= 0 else None for i in operator.inputs]
    return _COUNT[operator.name](inputs, tensors[operator.outputs[0]], operator)


def _elements(tensor: Tensor | None) -> int:
    return 0 if tensor is None else math.prod(tensor.shape)


def _conv(inputs: list[Tensor | None], output: Tensor, _: Operator) -> int:
    # Weights [output channels, ..., input channels]: all but the first for each output value.
    return _elements(output) * _elements(inputs[1]) // _shape(inputs[1])[0]


def _conv_3d(inputs: list[Tensor | None], output: Tensor, _: Operator) -> int:
    # Weights [depth, height, width, input channels, output channels].
    return _elements(output) * _elements(inputs[1]) // _shape(inputs[1])[-1]


def _depthwise(inputs: list[Tensor | None], output: Tensor, _: Operator) -> int:
    # Weights [1, height, width, output channels].
    return _elements(output) * _shape(inputs[1])[1] * _shape(inputs[1])[2]


def _transpose_conv(inputs: list[Tensor | None], output: Tensor, _: Operator) -> int:
    # Inputs: output shape, weights [output channels, height, width, input channels], data. Every data value meets its weights.
    return _elements(inputs[2]) * _elements(inputs[1]) // _shape(inputs[1])[3]


def _dense(inputs: list[Tensor | None], output: Tensor, _: Operator) -> int:
    # Weights [units, input values].
    return _elements(output) * _shape(inputs[1])[-1]


def _batch_matmul(inputs: list[Tensor | None], output: Tensor, _: Operator) -> int:
    # [..., m, k] x [..., k, n]: values of the first operand, each met n times.
    return _elements(inputs[0]) * output.shape[-1]


def _lstm(inputs: list[Tensor | None], output: Tensor, _: Operator) -> int:
    # Inputs 1 to 8 are the input and recurrent weights of the four gates, 16 the projection; each is used once a step.
    steps = _elements(output) // output.shape[-1]
    return steps * sum(_elements(tensor) for tensor in [*inputs[1:9], *inputs[16:17]])


def _shape(tensor: Tensor | None) -> tuple[int, ...]:
    assert tensor is not None, "the operator's weights are not optional"
    return tensor.shape


_COUNT = {
    "CONV_2D": _conv,
    "CONV_3D": _conv_3d,
    "DEPTHWISE_CONV_2D": _depthwise,
    "TRANSPOSE_CONV": _transpose_conv,
    "FULLY_CONNECTED": _dense,
    "BATCH_MATMUL": _batch_matmul,
    "UNIDIRECTIONAL_SEQUENCE_LSTM": _lstm,
}
