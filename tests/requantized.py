"""Files whose scales are wrong and whose codes follow from them: every code is the nearest, as in a sound file."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from pipeline.tflite import flatbuffer
from pipeline.verification import graph_alignment
from pipeline.verification.stored_values import KERNELS
from tests import faults


def scaled(float32: bytes, model: bytes, factor: float, *, channels: slice = slice(None), only: str | None = None) -> bytes:
    """The file with the scales of its kernels multiplied, and codes, biases and scales of biases made anew from the weights.

    Args:
        float32: the float32 file, whose constants are the weights.
        model: a quantized file.
        factor: of the scales.
        channels: which of a kernel's scales.
        only: name of an operator; None: all with kernels.
    """

    def edit(content: Any) -> None:
        for kernel, weights, bias, values, data in _linear(float32, model):
            tensor, read = content.subgraphs[kernel[0]].tensors[kernel[1]], flatbuffer.read(model)
            found = read.subgraphs[kernel[0]].tensors[kernel[1]]
            if found.scales is None:
                continue
            scales = np.array(found.scales, np.float32)
            scales[channels] *= np.float32(factor)
            if found.block:
                details = content.subgraphs[kernel[0]].tensors[tensor.quantization.details.scales]
                content.buffers[details.buffer].data = scales.astype(np.float16).view(np.uint8)
                scales = scales.astype(np.float16).astype(np.float32)
            else:
                tensor.quantization.scale = scales
            _fill(content, tensor, found, weights, scales)
            if bias is not None and data is not None:
                other = content.subgraphs[bias[0]].tensors[bias[1]]
                other.quantization.scale = (scales * np.float32(data)).astype(np.float32)
                dtype = np.int32 if other.type == schema.TensorType.INT32 else np.int64
                codes = np.rint(values.astype(np.float64) / other.quantization.scale.astype(np.float64))
                content.buffers[other.buffer].data = codes.astype(dtype).view(np.uint8)

    return faults.edited(model, edit)


def _linear(float32: bytes, model: bytes) -> Iterator[tuple[Any, ...]]:
    """Kernels and quantized biases of the file, their values, and the scale of the data."""
    expected, found = flatbuffer.read(float32), flatbuffer.read(model)
    aligned = graph_alignment.align(expected, found)
    for (number, index), place in aligned.operators.items():
        operator = expected.subgraphs[number].operators[index]
        if operator.name not in KERNELS:
            continue
        at, bias, data = KERNELS[operator.name]
        tensors, inputs = expected.subgraphs[number].tensors, operator.inputs
        kernel = aligned.constants.get((number, index, at))
        if kernel is None:
            continue
        weights = flatbuffer.values(tensors[inputs[at]])
        reading = found.subgraphs[place[0]].operators[place[1]].inputs
        step = found.subgraphs[place[0]].tensors[reading[data]].scales
        one = aligned.constants.get((number, index, bias))
        quantized = one is not None and found.subgraphs[one[0]].tensors[one[1]].scales is not None
        values = flatbuffer.values(tensors[inputs[bias]]) if one is not None else None
        yield kernel, weights, one if quantized else None, values, None if step is None else step[0]


def _fill(content: Any, tensor: Any, found: flatbuffer.Tensor, weights: np.ndarray, scales: np.ndarray) -> None:
    """The nearest codes, saturated."""
    bits = int(found.dtype[3:])
    largest = 2 ** (bits - 1) - 1
    changed = flatbuffer.spread(found, scales)
    codes = np.clip(np.rint(weights.astype(np.float32) / changed), -largest, largest).astype(np.int8)
    if bits == 4:
        flat = np.append(codes.ravel(), np.zeros(codes.size % 2, np.int8)).view(np.uint8) & 15
        packed = flat[::2] | flat[1::2] << 4
        content.buffers[tensor.buffer].data = packed.astype(np.uint8)
    else:
        content.buffers[tensor.buffer].data = codes.ravel().view(np.uint8)
