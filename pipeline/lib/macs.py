"""Multiply-accumulate operations of a .tflite file, from shapes alone."""

import numpy as np

from pipeline.lib.flatbuffer import Graph, Operator, Tensor


def count(graph: Graph) -> int:
    """Of all operators that multiply matrices, once each; the body of a loop counts once.

    A convolution needs (entries of the output) x (entries of the kernel that make one of them); a transposed one
    (entries of the input) x (entries of the kernel that one of them meets).
    """
    return sum(operator_macs(operator, subgraph.tensors) for subgraph in graph.subgraphs for operator in subgraph.operators)


def operator_macs(operator: Operator, tensors: list[Tensor]) -> int:
    """Of one operator, 0 for one that multiplies no matrices. A free dimension counts as one."""
    if operator.name in ("CONV_2D", "CONV_3D", "FULLY_CONNECTED"):
        kernel = _entries(tensors[operator.inputs[1]])
        outputs = tensors[operator.inputs[1]].shape[-1 if operator.name == "CONV_3D" else 0]
        return _entries(tensors[operator.outputs[0]]) * (kernel // max(outputs, 1))
    if operator.name == "DEPTHWISE_CONV_2D":
        _, height, width, _ = tensors[operator.inputs[1]].shape
        return _entries(tensors[operator.outputs[0]]) * height * width
    if operator.name == "TRANSPOSE_CONV":
        outputs, height, width, _ = tensors[operator.inputs[1]].shape
        return _entries(tensors[operator.inputs[2]]) * height * width * outputs
    if operator.name == "BATCH_MATMUL":
        shared = tensors[operator.inputs[0]].shape[-2 if operator.options.get("adjX") else -1]
        return _entries(tensors[operator.outputs[0]]) * shared
    return 0


def _entries(tensor: Tensor) -> int:
    return int(np.prod([abs(length) for length in tensor.shape], dtype=np.int64))
