"""Loops in a .tflite file, which recurrent layers become unless the converter fuses them (LSTM of Keras 2)."""

from pipeline.errors import Impossible
from pipeline.tflite import operators
from pipeline.tflite.flatbuffer import Graph, Operator


def found(graph: Graph) -> list[Operator]:
    """The loops and branches of the main subgraph, in order."""
    return [operator for operator in graph.operators if operator.name in operators.SUBGRAPHS]


def refuse(graph: Graph, *, scheme: str) -> None:
    """Stop before a static scheme is applied to a network with a loop.

    litert-quantizer finds no range for what goes round in a loop, and TFLiteConverter's calibration crashes the process.

    Args:
        graph: of the float32 file.
        scheme: static, for the message.

    Raises:
        Impossible: naming the operators and the schemes that work.
    """
    if places := found(graph):
        kinds = sorted({operator.name for operator in places})
        raise Impossible(
            f"{scheme}: the network holds {', '.join(kinds)} (a recurrent layer becomes a loop), and static schemes cannot "
            "quantize what goes round in it",
            "take this variant out of `quantization` and use float16 or dynamic_int8",
            tuple((operator.name, graph.tensors[operator.outputs[0]].name) for operator in places),
        )
