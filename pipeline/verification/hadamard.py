"""Kernels that were turned before they were quantized, behind an operator that turns the data the same way.

litert-quantizer's algorithm "hadamard": with an orthogonal matrix H, (x H)(w H)' is x w'. H is Sylvester's matrix over its root,
of the largest power of two that divides the length of what is summed, along the diagonal.
"""

import math
from collections.abc import Iterator

import numpy as np
from flatbuffers import flexbuffers

from pipeline.tflite.flatbuffer import Graph, Operator, Subgraph
from pipeline.tflite.operators import OPERATORS
from pipeline.verification.tensor_origin import Slot

ROTATION = "aeq.hadamard_rotation"
# Products are summed in float32: codes this close to a tie may fall to either side.
TIES = 1e-2


def turned(found: Graph) -> set[Slot]:
    """Kernels, (subgraph, tensor), that meet data which a rotation of their length has turned."""
    return {
        (number, operator.inputs[1])
        for number, subgraph in enumerate(found.subgraphs)
        for operator, rotation in _pairs(subgraph)
        if size(rotation) == length(subgraph.tensors[operator.inputs[1]].shape[-1])
    }


def only_for_turned(found: Graph, place: tuple[int, int]) -> bool:
    """Whether an operator is a rotation that only operators with turned kernels read."""
    subgraph = found.subgraphs[place[0]]
    rotation = subgraph.operators[place[1]]
    readers = [operator for operator in subgraph.operators if set(rotation.outputs) & set(operator.inputs)]
    kernels = turned(found)
    return (
        rotation.name == ROTATION
        and not set(rotation.outputs) & set(subgraph.outputs)
        and all(operator.name == "FULLY_CONNECTED" and (place[0], operator.inputs[1]) in kernels for operator in readers)
    )


def rotated(values: np.ndarray) -> np.ndarray:
    """A kernel [..., inputs] after the rotation, float64."""
    size = length(values.shape[-1])
    matrix: np.ndarray = np.ones((1, 1))
    while len(matrix) < size:
        matrix = np.kron(matrix, [[1.0, 1.0], [1.0, -1.0]])
    return np.asarray((values.reshape(-1, size).astype(np.float64) @ matrix / math.sqrt(size)).reshape(values.shape))


def length(count: int) -> int:
    """The largest power of two that divides a length."""
    return count & -count


def size(rotation: Operator) -> int | None:
    """The length that a rotation turns together, None when its options do not say it or say more than that."""
    options = rotation.options.get("customOptions")
    if not options:
        return None
    try:
        said = flexbuffers.Loads(bytes(options))
    except (ValueError, IndexError, KeyError, TypeError):
        return None
    if not isinstance(said, dict) or set(said) != {"hadamard_size", "random_binary_vector"}:
        return None
    # Signs other than one would turn the data in another way than the kernel.
    return said["hadamard_size"] if set(said["random_binary_vector"]) <= {1} else None


def _pairs(subgraph: Subgraph) -> Iterator[tuple[Operator, Operator]]:
    """Dense operators, and the rotations of their data."""
    makers = {output: operator for operator in subgraph.operators for output in operator.outputs}
    for operator in subgraph.operators:
        rotation = makers.get(operator.inputs[OPERATORS["FULLY_CONNECTED"].data]) if operator.name == "FULLY_CONNECTED" else None
        if rotation is not None and rotation.name == ROTATION:
            yield operator, rotation
