"""Which operators of a .tflite file carry which layer, read off the names that the converter gives to tensors."""

import re
from collections.abc import Iterable, Sequence

from pipeline.lib.flatbuffer import Graph


def operators_by_layer(graph: Graph, layer_paths: Iterable[str], *, numbered: bool) -> list[dict[str, object]]:
    """A row for each operator.

    A tensor's name lists what was fused into it, separated by semicolons: `net_1/relu_1/Relu;net_1/conv_1/convolution`.
    Keras 3 enters the name scope of a layer twice for each call and so appends `_1` for the first call of a layer, `_3` for
    the second, and so on; Keras 2 and plain TensorFlow append nothing.

    Args:
        graph: of the float32 file.
        layer_paths: of models/source.json, the innermost name last.
        numbered: Keras 3 made the names, with its `_1`.

    Returns:
        For each operator in order: `operator` (its type), `tensor` (name of its first output) and `layers` (paths, in the
        order of the network; empty when no name tells).
    """
    patterns = {path: _scope(path.split("/"), "_[0-9]*[13579]" if numbered else "") for path in layer_paths}
    return [
        {
            "operator": operator.name,
            "tensor": graph.tensors[operator.outputs[0]].name,
            "layers": [path for path, scope in patterns.items() if _named(scope, _names(graph, operator.outputs))],
        }
        for operator in graph.operators
    ]


def _scope(parts: Sequence[str], suffix: str) -> re.Pattern[str]:
    return re.compile("(?:^|/)" + "/(?:[^/]+/)*".join(f"{re.escape(part)}{suffix}" for part in parts) + "/")


def _named(scope: re.Pattern[str], names: Iterable[str]) -> bool:
    return any(scope.search(name) for name in names)


def _names(graph: Graph, outputs: Sequence[int]) -> list[str]:
    return [name for output in outputs for name in graph.tensors[output].name.split(";")]
