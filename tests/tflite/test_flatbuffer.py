from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from pipeline import paths
from pipeline.tflite import flatbuffer


@pytest.mark.parametrize("variant", ["float32", "int8"])
def test_says_what_the_interpreter_says(finished: Path, variant: str) -> None:
    content = (finished / paths.variant_model(variant)).read_bytes()
    graph = flatbuffer.read(content)
    model = Interpreter(model_content=content, num_threads=1)
    model.allocate_tensors()
    for detail in model.get_tensor_details():
        if detail["index"] >= len(graph.tensors):
            continue  # the interpreter's own scratch tensors
        tensor = graph.tensors[detail["index"]]
        assert tensor.name == detail["name"]
        assert tensor.shape == tuple(detail["shape"])
        assert tensor.dtype == np.dtype(detail["dtype"]).name
        np.testing.assert_array_equal([] if tensor.scales is None else tensor.scales, detail["quantization_parameters"]["scales"])
    names = [entry["op_name"] for entry in model._get_ops_details()]
    assert [operator.name for operator in graph.operators] == [name for name in names if name != "DELEGATE"]


def test_bytes_of_something_else_are_refused() -> None:
    with pytest.raises(ValueError, match="the identifier TFL3 is missing"):
        flatbuffer.read(b"PK\x03\x04 a zip file")
