import pytest

from pipeline.errors import Impossible
from pipeline.tflite import control_flow
from pipeline.tflite.flatbuffer import Graph, Operator, Tensor


def graph(*names: str) -> Graph:
    operators = [Operator(name=name, inputs=(), outputs=(number,)) for number, name in enumerate(names)]
    tensors = [
        Tensor(name=f"t{i}", shape=(1,), dtype="float32", data=None, scales=None, zero_points=None, quantized_dimension=0)
        for i in range(len(names))
    ]
    return Graph(signature="s", inputs={}, outputs={}, tensors=tensors, operators=operators)


def test_a_loop_is_refused_and_a_fused_recurrent_layer_is_not() -> None:
    control_flow.refuse(graph("UNIDIRECTIONAL_SEQUENCE_LSTM", "FULLY_CONNECTED"), scheme="static_wi8_ai8")
    assert control_flow.found(graph("UNIDIRECTIONAL_SEQUENCE_LSTM")) == []
    assert [operator.name for operator in control_flow.found(graph("IF", "ADD", "WHILE"))] == ["IF", "WHILE"]
    with pytest.raises(Impossible, match=r"static_wi8_ai8: the network holds WHILE .* use float16 or dynamic_int8") as refused:
        control_flow.refuse(graph("FULLY_CONNECTED", "WHILE"), scheme="static_wi8_ai8")
    assert refused.value.places == (("WHILE", "t1"),)
