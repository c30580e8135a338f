"""Calling a .tflite file by the names of its inputs and outputs, whether it has a signature or not; and what LiteRT says if not."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from pipeline.errors import Impossible
from pipeline.tflite import flatbuffer

# What LiteRT's Python interface raises for a file that it cannot open, allocate or invoke; it has no exception of its own.
REFUSALS = (RuntimeError, ValueError)
_NODE = re.compile(r"Node number (\d+) \((\w+)\) failed to (?:prepare|invoke)")


class Unsigned:
    """What LiteRT's `SignatureRunner` is, for files without a signature: inputs and outputs go by the names of their tensors.

    Names are those of `flatbuffer.Graph`: a name that comes twice, or is empty, has its place behind it.
    """

    def __init__(self, interpreter: Any) -> None:
        self._interpreter = interpreter

    def get_input_details(self) -> dict[str, Any]:
        return _by_name(self._interpreter.get_input_details())

    def get_output_details(self) -> dict[str, Any]:
        return _by_name(self._interpreter.get_output_details())

    def __call__(self, **inputs: np.ndarray) -> dict[str, np.ndarray]:
        details = self.get_input_details()
        if set(details) != set(inputs):
            raise ValueError(f"inputs are {', '.join(details)}; got {', '.join(inputs)}")
        allocate(self._interpreter, {details[name]["index"]: array.shape for name, array in inputs.items()})
        for name, detail in details.items():
            self._interpreter.set_tensor(detail["index"], inputs[name])
        self._interpreter.invoke()
        return {name: self._interpreter.get_tensor(detail["index"]) for name, detail in self.get_output_details().items()}


def allocate(interpreter: Any, shapes: Mapping[int, tuple[int, ...]]) -> None:
    """Allocate an interpreter's tensors, with inputs of these shapes by tensor number."""
    for detail in interpreter.get_input_details():
        wanted = shapes.get(detail["index"])
        if wanted is not None and wanted != tuple(detail["shape"]):
            interpreter.resize_tensor_input(detail["index"], wanted)
    interpreter.allocate_tensors()


def of(interpreter: Any) -> Any:
    """The runner of an interpreter's only signature, `Unsigned` when it has none."""
    return interpreter.get_signature_runner() if interpreter.get_signature_list() else Unsigned(interpreter)


def lengths(detail: Mapping[str, Any]) -> list[int]:
    """The shape of a tensor, -1 where a length is free. Old files only say the shape they were made for."""
    signature = detail["shape_signature"]
    return [int(length) for length in (signature if len(signature) else detail["shape"])]


def refusal(error: Exception, model: bytes) -> Impossible:
    """What LiteRT said of a file, and at which operator.

    Args:
        error: one of `REFUSALS`, from an interpreter of the file.
        model: the file.
    """
    remedy = "take the variant out of `quantization`"
    said = str(error).splitlines()
    try:
        graph = flatbuffer.read(model)
    except ValueError:  # damaged: then there are no operators to name
        return Impossible(said[0].rstrip(" ."), remedy)
    foreign = [operator for operator in graph.operators if not hasattr(schema.BuiltinOperator, operator.name)]
    if foreign:
        return Impossible(
            f"no kernel here for {', '.join(sorted({operator.name for operator in foreign}))}",
            "the file itself is complete but not verified: an app that links the kernels can run it; to go on here, replace these "
            "operators in the network",
            tuple((operator.name, graph.tensors[operator.outputs[0]].name) for operator in foreign),
        )
    places: tuple[tuple[str, str], ...] = ()
    if node := _NODE.search(str(error)):
        number, kind = int(node[1]), node[2]
        # Numbers count within a subgraph, and it is not said which; the type tells whether it is the main one.
        if number < len(graph.operators) and graph.operators[number].name == kind:
            places = ((kind, graph.tensors[graph.operators[number].outputs[0]].name),)
            said = [said[0].split("Node number")[0]]
    return Impossible(said[0].rstrip(" ."), remedy, places)


def _by_name(details: Sequence[dict[str, Any]]) -> dict[str, Any]:
    names = [detail["name"] for detail in details]
    return {
        name if names.count(name) == 1 and name else f"{name}[{place}]": detail
        for place, (name, detail) in enumerate(zip(names, details, strict=True))
    }
