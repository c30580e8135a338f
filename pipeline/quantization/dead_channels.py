"""Output channels whose weights are nothing beside their constant: the scale that keeps the constant in a quantized file.

Batch normalisation with a gamma that training drove to zero leaves kernels of about 1e-30 and a bias that is all the channel says;
pruning leaves zeros. A quantizer takes the scale of a channel from its weights alone and stops at some least one (1e-9 / 127 in
litert-quantizer; with MSE and OCTAV at none). The bias has the product of that and the data's scale, does not fit into 32 bits and
is cut off: the constant is lost. Zeros in the float32 file would not help, as they get the same least scale.

So the file is rewritten behind the quantizer. A scale is raised to the finest with which half of 32 bits hold the bias, as
TFLiteConverter does it (AdjustWeightsForBiasScale in tensorflow/lite/tools/optimize/quantization_utils.cc; the other half is left
to the products), and kernel and bias of the channel are rounded again from their float32 values. So the codes of a dead channel
become zero and its constant stays. Every other channel keeps its bytes.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from pipeline.tflite import flatbuffer, operators
from pipeline.tflite.flatbuffer import Graph, Operator, Subgraph, Tensor

# XNNPACK refuses a file with a scale of zero or a denormal one.
_NORMAL = float(np.finfo(np.float32).tiny)
# The quantizer's own least scale, for a channel to which its algorithm gives none.
LEAST = 1e-9 / 127
_INT32 = 2**31 - 1


class Reader(NamedTuple):
    """An operator of the quantized file with a kernel.

    Attributes:
        operator: itself.
        bias: its bias in the float32 file, float64 [channels]; None: it has none.
        data: scale of its data, where that is quantized.
    """

    operator: Operator
    bias: np.ndarray | None
    data: float | None


@dataclass(frozen=True, kw_only=True)
class Kernel:
    """A quantized kernel: its number and tensor in the quantized file, its float32 values, and all that read it."""

    number: int
    tensor: Tensor
    values: np.ndarray
    readers: list[Reader]


class _Rewritten(NamedTuple):
    """A constant of the quantized file (subgraph, tensor) with new scales and codes."""

    subgraph: int
    tensor: int
    scales: np.ndarray
    codes: np.ndarray


def rewritten(float32: bytes, quantized: bytes) -> bytes:
    """A quantized file with scales that hold the constants of all channels.

    Args:
        float32: the file it was made from.
        quantized: the file, as litert-quantizer wrote it.

    Returns:
        The same bytes when there is nothing to raise.
    """
    original, found = flatbuffer.read(float32), flatbuffer.read(quantized)
    rows = [row for number in range(len(found.subgraphs)) for row in _raised(original, found, number)]
    if not rows:
        return quantized
    content = flatbuffer.editable(quantized)
    users = [tensor.buffer for subgraph in content.subgraphs for tensor in subgraph.tensors]
    for row in rows:
        tensor = content.subgraphs[row.subgraph].tensors[row.tensor]
        if users.count(tensor.buffer) > 1:  # equal constants may share their bytes
            content.buffers.append(schema.BufferT())
            tensor.buffer = len(content.buffers) - 1
        content.buffers[tensor.buffer].data = _bytes(row.codes, found.subgraphs[row.subgraph].tensors[row.tensor].dtype)
        tensor.quantization.scale = row.scales
    return flatbuffer.packed(content)


def kernels(original: Graph, found: Graph, number: int) -> Iterator[Kernel]:
    """The quantized kernels of a subgraph whose float32 values are known, as the operators read them that compute with integers.

    litert-quantizer keeps the subgraphs, the order of operators and the names of kernels.

    Args:
        original: the float32 file.
        found: the quantized file.
        number: of the subgraph.
    """
    before, after = _readers(original.subgraphs[number]), _readers(found.subgraphs[number])
    tensors = original.subgraphs[number].tensors
    places = {tensors[index].name: index for index in before}
    for index, readers in after.items():
        tensor = found.subgraphs[number].tensors[index]
        place = places.get(tensor.name)
        if tensor.scales is None or tensor.block or tensor.dtype not in ("int8", "int4") or place is None:
            continue
        if tensors[place].dtype != "float32" or tensors[place].shape != tensor.shape or len(before[place]) != len(readers):
            continue
        yield Kernel(
            number=index,
            tensor=tensor,
            values=flatbuffer.values(tensors[place]).astype(np.float64),
            readers=[
                Reader(now, _constant(original.subgraphs[number], then), _data_scale(found.subgraphs[number], now))
                for then, now in zip(before[place], readers, strict=True)
            ],
        )


def needed(kernel: Kernel) -> np.ndarray:
    """The finest scales with which half of 32 bits hold the biases, float64, one for each scale of the kernel; 0 without any."""
    scales = np.zeros(_scales(kernel.tensor).shape)
    for reader in kernel.readers:
        if reader.bias is not None and reader.data is not None:
            wanted = 2 * np.abs(reader.bias) / (reader.data * _INT32)
            scales = np.maximum(scales, wanted if wanted.size == scales.size else wanted.max())
    return scales


def _raised(original: Graph, found: Graph, number: int) -> Iterator[_Rewritten]:
    subgraph = found.subgraphs[number]
    for kernel in kernels(original, found, number) if number < len(original.subgraphs) else ():
        old = _scales(kernel.tensor)
        new = np.maximum(np.where(old < _NORMAL, LEAST, old), needed(kernel)).astype(np.float32)
        raised = new > old
        biases = [(at, reader) for reader in kernel.readers if (at := _quantized_bias(subgraph, reader.operator)) is not None]
        if raised.any() and _alone(subgraph, {kernel.number, *(at for at, _ in biases)}, kernel.readers):
            exact = kernel.values / flatbuffer.spread(kernel.tensor, new)
            yield _Rewritten(number, kernel.number, new, _rounded(exact, kernel.tensor, flatbuffer.spread(kernel.tensor, raised)))
            for at, reader in biases:
                if reader.bias is None or reader.data is None:
                    raise ValueError(f"{subgraph.tensors[at].name} is a quantized bias of no float32 one")
                scales = np.float32(reader.data) * new
                yield _Rewritten(number, at, scales, _rounded(reader.bias / scales, subgraph.tensors[at], raised))


def _rounded(exact: np.ndarray, tensor: Tensor, raised: np.ndarray) -> np.ndarray:
    """The codes of a constant, new ones where scales were raised; `exact` in units of the new scales."""
    kept = flatbuffer.values(tensor)
    largest = 2 ** (min(int(tensor.dtype.removeprefix("int")), 32) - 1) - 1
    return np.where(raised, np.clip(np.rint(exact), -largest, largest), kept).astype(kept.dtype)


def _readers(subgraph: Subgraph) -> dict[int, list[Operator]]:
    """The operators that read each constant as a kernel, in their order."""
    found: dict[int, list[Operator]] = {}
    for operator in subgraph.operators:
        if operator.name in operators.LINEAR:
            index = operator.inputs[operators.LINEAR[operator.name].kernel]
            if subgraph.tensors[index].data is not None:
                found.setdefault(index, []).append(operator)
    return found


def _alone(subgraph: Subgraph, constants: set[int], readers: list[Reader]) -> bool:
    """Whether nothing else reads some constants, which would be changed under its hands."""
    known = [reader.operator for reader in readers]
    return not any(constants.intersection(operator.inputs) for operator in subgraph.operators if operator not in known)


def _bias(subgraph: Subgraph, operator: Operator) -> int | None:
    """The number of the constant bias of an operator."""
    at = operators.LINEAR[operator.name].bias
    index = operator.inputs[at] if at < len(operator.inputs) else -1
    return index if index >= 0 and subgraph.tensors[index].data is not None else None


def _quantized_bias(subgraph: Subgraph, operator: Operator) -> int | None:
    """The number of the quantized bias of an operator."""
    index = _bias(subgraph, operator)
    return None if index is None or subgraph.tensors[index].scales is None else index


def _constant(subgraph: Subgraph, operator: Operator) -> np.ndarray | None:
    index = _bias(subgraph, operator)
    return None if index is None else flatbuffer.values(subgraph.tensors[index]).astype(np.float64).ravel()


def _data_scale(subgraph: Subgraph, operator: Operator) -> float | None:
    scales = subgraph.tensors[operator.inputs[operators.LINEAR[operator.name].data]].scales
    return None if scales is None else float(scales[0])


def _scales(tensor: Tensor) -> np.ndarray:
    if tensor.scales is None:
        raise ValueError(f"{tensor.name} is not quantized")
    return tensor.scales


def _bytes(codes: np.ndarray, dtype: str) -> np.ndarray:
    """Codes as a file has them: two of 4 bits in a byte, the first in its lower half."""
    if dtype != "int4":
        return np.ascontiguousarray(codes).view(np.uint8).ravel()
    halves = np.append(codes.ravel(), np.zeros(codes.size % 2, codes.dtype)).view(np.uint8) & 0xF
    return halves[::2] | halves[1::2] << 4
