"""Which operators of a .tflite file carry which layer, read off the names that the converter gives to tensors."""

import re
from collections.abc import Iterable, Sequence

from pipeline.tflite.flatbuffer import Graph
from pipeline.tflite.layers_record import OperatorLayers

# Formats whose names Keras 3 makes when it traces the network.
NUMBERED = ("keras", "keras3_h5")


def operators_by_layer(graph: Graph, layer_paths: Iterable[str], *, numbered: bool) -> list[OperatorLayers]:
    """A row for each operator, in order.

    A tensor's name lists what was fused into it, separated by semicolons: `net_1/relu_1/Relu;net_1/conv_1/convolution`.
    Keras 3 enters the name scope of a layer twice for each call and so appends `_1` for the first call of a layer, `_3` for
    the second, and so on; Keras 2 and plain TensorFlow append nothing.

    Args:
        graph: of the float32 file.
        layer_paths: of models/source.json, the innermost name last.
        numbered: Keras 3 made the names, with its `_1`.
    """
    patterns = {path: scope(path, numbered=numbered) for path in layer_paths}
    return [
        OperatorLayers(
            operator=operator.name,
            tensor=graph.tensors[operator.outputs[0]].name,
            layers=[path for path, pattern in patterns.items() if _named(pattern, _names(graph, operator.outputs))],
        )
        for operator in graph.operators
    ]


def scope(path: str, *, numbered: bool) -> re.Pattern[str]:
    """What to search a name for to know whether it belongs to a layer.

    Args:
        path: of the layer, the innermost name last.
        numbered: Keras 3 made the names, with its `_1`.
    """
    suffix = "_[0-9]*[13579]" if numbered else ""
    return re.compile("(?:^|/)" + "/(?:[^/]+/)*".join(f"{re.escape(part)}{suffix}" for part in path.split("/")) + "/")


def _named(pattern: re.Pattern[str], names: Iterable[str]) -> bool:
    return any(pattern.search(name) for name in names)


def _names(graph: Graph, outputs: Sequence[int]) -> list[str]:
    return [name for output in outputs for name in graph.tensors[output].name.split(";")]
