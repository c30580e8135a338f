"""Tensors that got the range of what MINIMUM or MAXIMUM makes of them, though something else reads them, too.

TFLiteConverter 2.21 gives what these two read and make one scale. Of x in `min(x, 0)` and `relu(x)`, as in CELU, nothing positive
is left then.
"""

from collections.abc import Iterator

import numpy as np

from pipeline.tflite import flatbuffer, operators
from pipeline.tflite.flatbuffer import Graph, Subgraph
from pipeline.verification import stored_layout
from pipeline.verification.graph_alignment import Alignment, Place


def broken(expected: Graph, found: Graph, aligned: Alignment) -> Iterator[tuple[Place, str]]:
    """Where that is so.

    Args:
        expected: the float32 file.
        found: the file in question.
        aligned: what corresponds.

    Yields:
        (subgraph, operator) of MINIMUM or MAXIMUM, and what is wrong.
    """
    for ours, theirs in aligned.operators.items():
        operator, subgraph = expected.subgraphs[ours[0]].operators[ours[1]], found.subgraphs[theirs[0]]
        if operator.name not in ("MINIMUM", "MAXIMUM") or subgraph.operators[theirs[1]].name != operator.name:
            continue
        # That of the float32 file: with the scale of the data its own may be cut off.
        constants = [expected.subgraphs[ours[0]].tensors[number] for number in operator.inputs]
        bounds = [np.unique(flatbuffer.values(tensor)) for tensor in constants if tensor.data is not None]
        if len(bounds) == 1 and bounds[0].size == 1:
            for reason in _narrowed(subgraph, theirs[1], float(bounds[0][0])):
                yield theirs, reason


def _narrowed(subgraph: Subgraph, index: int, bound: float) -> Iterator[str]:
    operator, tensors = subgraph.operators[index], subgraph.tensors
    output = tensors[operator.outputs[0]]
    for number in operator.inputs:
        tensor = tensors[number]
        if tensor.data is not None or tensor.scales is None or output.scales is None or tensor.dtype != output.dtype:
            continue
        if stored_layout.value_range(tensor) != stored_layout.value_range(output) or not _is_free(subgraph, number):
            continue
        low, high = stored_layout.value_range(tensor)
        end, step = high if operator.name == "MINIMUM" else low, float(tensor.scales[0])
        others = [
            reader.name
            for at, reader in enumerate(subgraph.operators)
            if at != index and number in reader.inputs and reader.name not in operators.CONVERSIONS | operators.OF_SHAPES
        ]
        if others and abs(bound - end) <= step:
            yield f"{tensor.name} ends at {end:.6g}, as {operator.name} does, and {others[0]} reads it as well"


def _is_free(subgraph: Subgraph, number: int) -> bool:
    """Whether a tensor's values may lie anywhere, by what makes them."""
    maker = next((operator for operator in subgraph.operators if number in operator.outputs), None)
    if maker is None or maker.name in operators.MOVES | operators.CHOOSES | operators.LARGEST | operators.SMALLEST:
        return False
    bound = maker.options.get("fusedActivationFunction", "NONE") not in ("NONE", "RELU")
    return not bound and operators.of(maker.name).fixed is None and not maker.name.startswith("RELU")
