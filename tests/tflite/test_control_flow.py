import pytest

from pipeline.errors import UserError
from pipeline.tflite import control_flow
from pipeline.tflite.flatbuffer import Graph, Operator


def graph(*names: str) -> Graph:
    operators = [Operator(name=name, inputs=(), outputs=()) for name in names]
    return Graph(signature="s", inputs={}, outputs={}, tensors=[], operators=operators)


def test_a_loop_is_refused_and_a_fused_recurrent_layer_is_not() -> None:
    control_flow.refuse(graph("UNIDIRECTIONAL_SEQUENCE_LSTM", "FULLY_CONNECTED"), scheme="static_wi8_ai8")
    with pytest.raises(UserError, match=r"static_wi8_ai8: the network holds WHILE .* use float16 or dynamic_int8"):
        control_flow.refuse(graph("FULLY_CONNECTED", "WHILE"), scheme="static_wi8_ai8")
