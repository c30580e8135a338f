"""Which operators of a file LiteRT can only run on its reference kernels on a CPU, and what stands in the file at all."""

from collections import Counter
from typing import Any

from pipeline.tflite import operators as table
from pipeline.tflite.flatbuffer import Graph, Operator

WHY_INT16 = (
    "int16 activations with int8 weights: XNNPACK has no such kernels and LiteRT no optimized ones for the 64-bit bias of this "
    "scheme, so plain loops run, one value at a time on one core; DSPs and NPUs have kernels for it"
)
# tflite/kernels of LiteRT: for int16 data fully_connected.cc (FullyConnectedInt16), depthwise_conv.cc
# (EvalQuantizedPerChannel16x8) and transpose_conv.cc call reference_integer_ops whatever the bias is; conv.cc does for a
# bias of 64 bits, which is what both quantizers write.
_ALWAYS = ("DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV")


def operators(graph: Graph) -> dict[str, int]:
    """How often each type of operator occurs, by name."""
    return dict(sorted(Counter(operator.name for operator in graph.operators).items()))


def float_tensors(graph: Graph) -> list[str]:
    """Names of tensors that hold floating point values; none are left in an integer-only file."""
    return [tensor.name for tensor in graph.tensors if tensor.dtype.startswith(("float", "bfloat"))]


def reference_only(graph: Graph) -> dict[str, Any]:
    """Operators that run on reference kernels on a CPU.

    Returns:
        `operators`: how often each type does, and `reason`: why, None when there are none.
    """
    found = Counter(operator.name for operator in graph.operators if _on_reference(graph, operator))
    return {"operators": dict(sorted(found.items())), "reason": WHY_INT16 if found else None}


def _on_reference(graph: Graph, operator: Operator) -> bool:
    row = table.of(operator.name)

    def dtype(position: int | None) -> str | None:
        if position is None or position >= len(operator.inputs) or operator.inputs[position] < 0:
            return None
        return graph.tensors[operator.inputs[position]].dtype

    if dtype(row.data) != "int16":
        return False
    if operator.name in _ALWAYS:
        return True
    # Without a bias the kernel takes the path for 64 bits too.
    return operator.name == "CONV_2D" and dtype(row.bias) != "int32"
