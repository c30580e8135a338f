"""The built-in kernels, tensor by tensor and with inputs in the file's order."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from pipeline.runtime import plain
from pipeline.tflite import flatbuffer
from tests import faults
from tests.made import Made


def test_every_tensor_is_that_of_litert_itself(nets: Callable[[str], Made]) -> None:
    made = nets("wide")
    graph = flatbuffer.read(made.float32)
    ((name, number),) = graph.inputs.items()
    sample = made.samples[name][:1]
    found = plain.tensors(made.float32, {number: sample}, lambda number, values: values.copy())
    weights = [flatbuffer.values(graph.tensors[one.inputs[1]]) for one in graph.operators]
    biases = [flatbuffer.values(graph.tensors[one.inputs[2]]) for one in graph.operators]
    values = sample
    for place, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
        values = values @ weight.T + bias
        values = np.maximum(values, 0) if place < 3 else values
        np.testing.assert_allclose(found[graph.operators[place].outputs[0]], values, rtol=1e-4, atol=1e-5)


def test_outputs_are_those_of_the_plain_api(nets: Callable[[str], Made]) -> None:
    made = nets("shared")
    interpreter = Interpreter(model_content=made.float32)
    interpreter.allocate_tensors()
    names = {detail["index"]: detail["name"] for detail in interpreter.get_input_details()}
    arrays = [made.samples[next(key for key in made.samples if key in name)][:1] for name in names.values()]
    for number, array in zip(names, arrays, strict=True):
        interpreter.set_tensor(number, array)
    interpreter.invoke()
    wanted = [interpreter.get_tensor(detail["index"]) for detail in interpreter.get_output_details()]
    for found, expected in zip(plain.opened(made.float32)(arrays), wanted, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_what_litert_cannot_run_is_refused(nets: Callable[[str], Made]) -> None:
    def edit(content: Any) -> None:
        content.operatorCodes[0].version = 99

    with pytest.raises(plain.Refused):
        plain.opened(faults.edited(nets("wide").float32, edit))
