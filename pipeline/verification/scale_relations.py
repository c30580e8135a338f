"""Scales and zero points that follow from others: of biases, of operators with fixed outputs, of those that only move values."""

from collections.abc import Iterator, Sequence

import numpy as np

from pipeline.tflite import operators
from pipeline.tflite.flatbuffer import Graph, Operator, Subgraph, Tensor
from pipeline.verification import number_words, stored_values

# The least number of float32.
_SMALLEST = 2.0**-149
# LiteRT's kernels hand on or compare the codes of what they read, and say nothing where its scale is another than that of their
# output. Those that move or join values are in `operators.MOVES` and `JOINS`.
_COPIES = (operators.SHARES - operators.MOVES - operators.JOINS - operators.CONVERSIONS) | {
    "BATCH_TO_SPACE_ND",
    "DEPTH_TO_SPACE",
    "ONE_HOT",
    "SPACE_TO_BATCH_ND",
    "SPLIT_V",
    "TILE",
    "TOPK_V2",
}


def broken(graph: Graph) -> Iterator[tuple[tuple[int, int], str]]:
    """Scales and zero points that are not free to choose and are not what they must be.

    Yields:
        (subgraph, operator), and what is wrong with it.
    """
    for number, subgraph in enumerate(graph.subgraphs):
        yield from (((number, index), fault) for index, fault in _along(subgraph))
        for index, operator in enumerate(subgraph.operators):
            for fault in (
                *_axis(operator, subgraph.tensors),
                *_bias(operator, subgraph.tensors),
                *_fixed(operator, subgraph.tensors),
                *_zero_points(operator, subgraph.tensors),
                *_handed_on(operator, subgraph.tensors),
                *_signs(operator, subgraph.tensors),
            ):
                yield (number, index), fault


def _along(subgraph: Subgraph) -> Iterator[tuple[int, str]]:
    """An activation has one scale, along no axis: XNNPACK leaves operators whose data says otherwise to other kernels."""
    # Of a kernel that training rounds channel by channel, QUANTIZE reads the constant.
    kernels = {
        output
        for operator in subgraph.operators
        if operator.name == "QUANTIZE" and any(subgraph.tensors[number].data is not None for number in operator.inputs)
        for output in operator.outputs
    }
    for index, operator in enumerate(subgraph.operators):
        for number in (*operator.inputs, *operator.outputs):
            tensor = subgraph.tensors[number]
            if (
                number >= 0
                and tensor.data is None
                and tensor.scales is not None
                and tensor.quantized_dimension
                and not (number in kernels and tensor.scales.size > 1)
            ):
                yield index, f"{tensor.name}: one scale along axis {tensor.quantized_dimension}"


def _bias(operator: Operator, tensors: Sequence[Tensor]) -> Iterator[str]:
    """A bias has the product of the data's and the kernel's scale, and no zero point."""
    if operator.name not in stored_values.KERNELS:
        return
    kernel, bias, data = (
        (tensors[operator.inputs[at]] if at < len(operator.inputs) and operator.inputs[at] >= 0 else None)
        for at in stored_values.KERNELS[operator.name]
    )
    if kernel is None or kernel.scales is None:
        return
    if kernel.zero_points is not None and kernel.dtype.startswith("int") and np.any(kernel.zero_points != 0):
        yield f"kernel {kernel.name}: zero point {int(kernel.zero_points[kernel.zero_points != 0][0])}; expected 0"
    if bias is None or bias.scales is None:
        return
    if data is None or data.scales is None:
        yield f"bias {bias.name} has scales; its data has none"
        return
    wanted = np.atleast_1d(data.scales[0].astype(np.float64) * kernel.scales.astype(np.float64))
    if bias.scales.size != wanted.size:
        yield f"bias {bias.name} has {bias.scales.size} scales; its kernel has {wanted.size}"
        return
    # A product of scales of dead channels may lie among the last numbers of float32.
    resolved = stored_values.SCALE_TOLERANCE * wanted + _SMALLEST
    wrong = np.abs(bias.scales.astype(np.float64) - wanted) > resolved
    if wrong.any():
        at = int(np.argmax(wrong))
        has, needs = number_words.distinct(float(bias.scales[at]), float(wanted[at]))
        yield f"bias {bias.name}: scale {has} of channel {at}; expected the product of the data's and the kernel's, {needs}"
    if bias.zero_points is not None and np.any(bias.zero_points != 0):
        yield f"bias {bias.name}: zero point {int(bias.zero_points[bias.zero_points != 0][0])}; expected 0"


def _axis(operator: Operator, tensors: Sequence[Tensor]) -> Iterator[str]:
    """Scales of a constant that an operator reads as it lies: along the axis of the output channels, or one.

    LiteRT's kernels take the scales in the order of the channels, whatever `quantizedDimension` says. DEQUANTIZE goes by it.
    """
    row = operators.of(operator.name)
    if row.converts:
        return
    for slot, number in enumerate(operator.inputs):
        tensor = tensors[number]
        if number < 0 or tensor.data is None or tensor.scales is None or (tensor.scales.size == 1 and not tensor.block):
            continue
        if slot not in (row.kernel, row.bias):
            yield f"input {tensor.name}: {tensor.scales.size} scales; {operator.name} reads one"
        # Blocks lie along what is summed.
        elif slot == row.kernel and row.axis is not None and not tensor.block and tensor.quantized_dimension != row.axis:
            yield f"kernel {tensor.name}: scales along axis {tensor.quantized_dimension}; its channels lie along {row.axis}"
        elif slot == row.kernel and tensor.block and tensor.quantized_dimension == row.axis:
            yield f"kernel {tensor.name}: blocks along axis {tensor.quantized_dimension}, that of its channels"


def _fixed(operator: Operator, tensors: Sequence[Tensor]) -> Iterator[str]:
    output = tensors[operator.outputs[0]] if operator.outputs else None
    if output is None or output.scales is None or output.zero_points is None or output.dtype not in ("int8", "int16"):
        return
    if operator.name in stored_values.FIXED:
        eight, sixteen, zero = stored_values.FIXED[operator.name]
        scale, zero = (eight, zero) if output.dtype == "int8" else (sixteen, 0)
        if (
            output.scales.size != 1
            or abs(float(output.scales[0]) / scale - 1) > stored_values.SCALE_TOLERANCE
            or int(output.zero_points[0]) != zero
        ):
            has, needs = number_words.distinct(float(output.scales[0]), scale)
            found = f"scale {has}, zero point {int(output.zero_points[0])}"
            yield f"output {output.name}: {found}; {operator.name} needs {needs}, {zero}"
    elif operator.name in operators.MOVES and _differ(tensors[operator.inputs[0]], output):
        yield f"output {output.name}: {operator.name} only moves values, but scale or zero point of input and output differ"


def _handed_on(operator: Operator, tensors: Sequence[Tensor]) -> Iterator[str]:
    """Codes mean the same before and behind an operator that does not convert them."""
    if operator.name in operators.JOINS:
        does = "puts values together"
    elif operator.name in _COPIES:
        does = "hands on its codes"
    else:
        return
    for number in dict.fromkeys(operator.inputs):
        if number >= 0 and any(_differ(tensors[number], tensors[output]) for output in operator.outputs):
            yield f"input {tensors[number].name}: {operator.name} {does}, but scale or zero point of input and output differ"


def _differ(one: Tensor, other: Tensor) -> bool:
    """Whether two tensors, both quantized to the same dtype, have another scale or zero point."""
    if one.dtype != other.dtype or one.scales is None or other.scales is None:
        return False
    if one.zero_points is None or other.zero_points is None:
        return False
    return not (
        np.allclose(one.scales, other.scales, rtol=stored_values.SCALE_TOLERANCE, atol=0)
        and np.array_equal(one.zero_points, other.zero_points)
    )


def _signs(operator: Operator, tensors: Sequence[Tensor]) -> Iterator[str]:
    """Kernels of 8 bits read and write one dtype: int8, or uint8 in old files. Another is only another name for the same codes."""
    if operator.name in operators.CONVERSIONS or operator.name == "CAST":
        return
    seen = [tensors[number] for number in (*operator.inputs, *operator.outputs) if number >= 0]
    eight = [tensor for tensor in seen if tensor.data is None and tensor.scales is not None and tensor.dtype in ("int8", "uint8")]
    if len({tensor.dtype for tensor in eight}) > 1:
        listed = ", ".join(f"{tensor.name} {tensor.dtype}" for tensor in eight)
        yield f"{operator.name} reads and writes int8 and uint8 ({listed})"


def _zero_points(operator: Operator, tensors: Sequence[Tensor]) -> Iterator[str]:
    """What has 16 bits or more is symmetric."""
    for number in dict.fromkeys((*operator.inputs, *operator.outputs)):
        tensor = tensors[number]
        if (
            number >= 0
            and tensor.zero_points is not None
            and tensor.dtype in ("int16", "int32", "int64")
            and np.any(tensor.zero_points)
        ):
            yield f"{tensor.name}: zero point {int(tensor.zero_points[0])} of {tensor.dtype}; expected 0"
