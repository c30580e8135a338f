"""How much a network computes: multiply-accumulates of its operators, an estimate of time that is the same on every machine."""

import math
from collections.abc import Mapping

from pipeline.tflite import flatbuffer, macs, operators
from pipeline.tflite.flatbuffer import Graph, Operator

FLOAT = "float32"


def values(graph: Graph, operator: Operator) -> int:
    """Multiply-accumulates of one operator, or how many values it writes when it makes none."""
    return macs.of_operator(operator, graph.tensors) or math.prod(graph.tensors[operator.outputs[0]].shape)


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
        if operator.name in operators.CONVERSIONS and made.tensors[operator.inputs[0]].data is None
    )
    return converted + sum(
        values(graph, operator) * costs.get(chosen.get(graph.tensors[operator.outputs[0]].name, FLOAT), 1.0)
        for operator in graph.operators
    )
