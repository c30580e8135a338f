"""An operator on integers as one on floats: what its result would be without any rounding within it."""

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from pipeline.tflite import flatbuffer
from pipeline.tflite.flatbuffer import Graph


def in_floats(part: bytes) -> bytes:
    """A file whose quantized tensors are float32: constants hold the values that their codes mean.

    Args:
        part: .tflite file of subgraph 0 alone, such as `extraction.extract` makes.
    """
    content, graph = flatbuffer.editable(part), flatbuffer.read(part)
    for tensor, entry in zip(graph.tensors, content.subgraphs[0].tensors, strict=True):
        if tensor.scales is None or tensor.dtype.startswith("float"):
            continue
        entry.type, entry.quantization = schema.TensorType.FLOAT32, None
        if tensor.data is not None:
            # A buffer of its own: others may read the codes as something else.
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(flatbuffer.real(tensor).astype(np.float32).tobytes(), np.uint8)
            entry.buffer = len(content.buffers)
            content.buffers.append(buffer)
    return flatbuffer.packed(content)


def real(values: np.ndarray, graph: Graph, number: int) -> np.ndarray:
    """Codes of a tensor in real units, float32; what is not quantized as it is."""
    tensor = graph.tensors[number]
    if tensor.scales is None or tensor.zero_points is None or tensor.dtype.startswith("float"):
        return values
    scales, zeros = (flatbuffer.spread(tensor, entry) for entry in (tensor.scales, tensor.zero_points))
    return np.asarray((values.astype(np.float64) - zeros) * scales, np.float32)
