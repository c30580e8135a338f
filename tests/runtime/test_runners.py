from typing import Any

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from pipeline.runtime import interpreter, runners
from pipeline.tflite import flatbuffer
from tests import faults, networks


def test_a_file_without_signature_computes_the_same(digits: networks.Measured) -> None:
    def edit(content: Any) -> None:
        content.signatureDefs = []

    bare = faults.edited(digits.model, edit)
    graph = flatbuffer.read(bare)
    (image,), (output,) = graph.inputs, graph.outputs
    images = np.asarray(digits.evaluation["image"][:5])
    found = interpreter.predict(bare, {image: images}, workers=1)
    np.testing.assert_array_equal(found[output], interpreter.predict(digits.model, {"image": images}, workers=1)["probabilities"])
    runner = runners.of(Interpreter(model_content=bare))
    assert set(runner.get_input_details()) == set(graph.inputs)
    assert set(runner.get_output_details()) == set(graph.outputs)
    with pytest.raises(ValueError, match=r"inputs are .*; got other"):
        runner(other=images)


def test_names_that_come_twice_or_are_empty_have_their_place_behind_them(digits: networks.Measured) -> None:
    def edit(content: Any) -> None:
        content.signatureDefs = []
        graph = content.subgraphs[0]
        graph.tensors[graph.inputs[0]].name = ""
        graph.outputs = [graph.outputs[0], graph.outputs[0]]

    bare = faults.edited(digits.model, edit)
    graph = flatbuffer.read(bare)
    assert list(graph.inputs) == ["[0]"]
    assert [name[-3:] for name in graph.outputs] == ["[0]", "[1]"]
    runner = runners.of(Interpreter(model_content=bare))
    assert list(runner.get_input_details()) == list(graph.inputs)
    assert list(runner.get_output_details()) == list(graph.outputs)


def test_free_lengths() -> None:
    said = {"shape_signature": np.array([-1, 8], np.int32), "shape": np.array([1, 8], np.int32)}
    assert runners.lengths(said) == [-1, 8]
    assert runners.lengths(said | {"shape_signature": np.array([], np.int32)}) == [1, 8]
