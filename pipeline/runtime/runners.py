"""Calling a .tflite file by the names of its inputs and outputs, whether it has a signature or not."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np


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


def _by_name(details: Sequence[dict[str, Any]]) -> dict[str, Any]:
    names = [detail["name"] for detail in details]
    return {
        name if names.count(name) == 1 and name else f"{name}[{place}]": detail
        for place, (name, detail) in enumerate(zip(names, details, strict=True))
    }
