"""How much a network computes: multiply-accumulates of its operators, an estimate of time that is the same on every machine."""

import math
from collections.abc import Mapping

from pipeline.lib import flatbuffer, kernels
from pipeline.lib.flatbuffer import Graph, Operator

FLOAT = "float32"


def macs(graph: Graph, operator: Operator) -> int:
    """Multiply-accumulates of one inference: those of the weights, else one for each value written."""
    written = math.prod(graph.tensors[operator.outputs[0]].shape)
    weights = [graph.tensors[index] for index in operator.inputs if index >= 0 and graph.tensors[index].data is not None]
    shapes = [tensor.shape for tensor in weights if len(tensor.shape) > 1]
    if operator.name not in kernels.WEIGHTED or operator.name == "EMBEDDING_LOOKUP" or not shapes:
        return written
    if operator.name == "CONV_2D_TRANSPOSE":
        read = math.prod(graph.tensors[operator.inputs[2]].shape)
        return read * math.prod(shapes[0][:3])  # weights [out, height, width, in]: each input value meets out * h * w of them
    if operator.name == "DEPTHWISE_CONV_2D":
        return written * math.prod(shapes[0][1:3])  # weights [1, height, width, channels]
    return written * math.prod(shapes[0][1:])  # weights [out, ..., in]


def weighted_macs(graph: Graph, candidate: bytes, chosen: Mapping[str, str], costs: Mapping[str, float]) -> float:
    """Estimated work of one inference: multiply-accumulates times what one costs in the scheme of its operator, and one for
    each value that a candidate converts between dtypes.

    Args:
        graph: of the float32 file.
        candidate: the file.
        chosen: scheme by tensor; operators not named compute in float32.
        costs: of a multiply-accumulate by scheme; float32 costs 1 where it is not named.
    """
    made = flatbuffer.read(candidate)
    converted = sum(
        math.prod(made.tensors[operator.outputs[0]].shape)
        for operator in made.operators
        if operator.name in ("QUANTIZE", "DEQUANTIZE") and made.tensors[operator.inputs[0]].data is None
    )
    return converted + sum(
        macs(graph, operator) * costs.get(chosen.get(graph.tensors[operator.outputs[0]].name, FLOAT), 1.0)
        for operator in graph.operators
    )
