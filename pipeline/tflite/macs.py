"""Multiplications and additions of one inference, counted from the shapes in the file."""

import math
from collections.abc import Sequence

from pipeline.tflite import operators
from pipeline.tflite.flatbuffer import Graph, Operator, Tensor
from pipeline.tflite.operators import OperatorType


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
    """Those of one operator; 0 for types that make none, and where the file does not tell the shape of the weights.

    Args:
        operator: its tensors are numbers in `tensors`.
        tensors: of its subgraph.
    """
    row = operators.of(operator.name)
    if row.macs is None:
        return 0
    inputs = [tensors[i] if i >= 0 else None for i in operator.inputs]
    if row.kernel is not None and not getattr(inputs[row.kernel], "shape", ()):
        # Weights that are quantized and dequantized in the file itself, as after training with fake quantization.
        return 0
    return _COUNT[row.macs](row, inputs, tensors[operator.outputs[0]])


def _elements(tensor: Tensor | None) -> int:
    return 0 if tensor is None else math.prod(tensor.shape)


def _per_output(row: OperatorType, inputs: list[Tensor | None], output: Tensor) -> int:
    """Each output value meets the weights of its channel."""
    kernel = _kernel(row, inputs)
    assert row.axis is not None, "which axis of the kernel the channels are on"
    return _elements(output) * _each(kernel, kernel.shape[row.axis : row.axis + 1])


def _per_input(row: OperatorType, inputs: list[Tensor | None], _: Tensor) -> int:
    """Each data value meets the weights of its channel, which is the last axis of the kernel."""
    kernel = _kernel(row, inputs)
    return _elements(inputs[row.data]) * _each(kernel, kernel.shape[-1:])


def _per_product(row: OperatorType, inputs: list[Tensor | None], output: Tensor) -> int:
    """[..., m, k] x [..., k, n]: values of the first operand, each met n times."""
    return _elements(inputs[row.data]) * math.prod(output.shape[-1:])


def _per_step(_: OperatorType, inputs: list[Tensor | None], output: Tensor) -> int:
    """Inputs 1 to 8 are the input and recurrent weights of the four gates, 16 the projection; each is used once a step."""
    steps = _each(output, output.shape[-1:])
    return steps * sum(_elements(tensor) for tensor in [*inputs[1:9], *inputs[16:17]])


def _each(tensor: Tensor, lengths: tuple[int, ...]) -> int:
    """Entries of a tensor for each place along an axis; 0 where the file does not tell its length, or it has none."""
    return _elements(tensor) // lengths[0] if lengths and lengths[0] else 0


def _kernel(row: OperatorType, inputs: list[Tensor | None]) -> Tensor:
    kernel = None if row.kernel is None else inputs[row.kernel]
    assert kernel is not None, "the operator's weights are not optional"
    return kernel


_COUNT = {
    operators.PER_OUTPUT: _per_output,
    operators.PER_INPUT: _per_input,
    operators.PER_PRODUCT: _per_product,
    operators.PER_STEP: _per_step,
}
