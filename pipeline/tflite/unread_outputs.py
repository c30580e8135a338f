"""Outputs that no operator reads.

litert-quantizer leaves them in float beside their quantized siblings, and LiteRT refuses the file.
"""

from pipeline.tflite import flatbuffer, operators
from pipeline.tflite.flatbuffer import Operator, Subgraph


def complete(model: bytes) -> bytes:
    """The file with every unread float output of a quantized SPLIT or UNPACK in the format of what is split.

    Args:
        model: .tflite file, as the quantizer wrote it.

    Returns:
        The same bytes when there is no such output.
    """
    left = [
        (number, output, subgraph.operators[index].inputs[operators.of(subgraph.operators[index].name).data])
        for number, subgraph in enumerate(flatbuffer.read(model).subgraphs)
        for index, output in _left(subgraph)
    ]
    if not left:
        return model
    content = flatbuffer.editable(model)
    for number, output, data in left:
        tensors = content.subgraphs[number].tensors
        tensors[output].type, tensors[output].quantization = tensors[data].type, tensors[data].quantization
    return flatbuffer.packed(content)


def _left(subgraph: Subgraph) -> list[tuple[int, int]]:
    """Numbers of operators and of the outputs concerned."""
    read = {number for operator in subgraph.operators for number in operator.inputs} | set(subgraph.outputs)
    return [
        (index, output)
        for index, operator in enumerate(subgraph.operators)
        if operator.name in ("SPLIT", "UNPACK") and _is_quantized(subgraph, operator)
        for output in operator.outputs
        if output not in read and subgraph.tensors[output].dtype == "float32"
    ]


def _is_quantized(subgraph: Subgraph, operator: Operator) -> bool:
    data = subgraph.tensors[operator.inputs[operators.of(operator.name).data]]
    return data.scales is not None and data.dtype != "float32"
