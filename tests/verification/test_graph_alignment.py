from dataclasses import replace

from pipeline.tflite.flatbuffer import Graph
from pipeline.verification import graph_alignment
from tests.graphs import chain


def reasons(expected: Graph, found: Graph) -> list[str]:
    return [difference.reason for difference in graph_alignment.align(expected, found).differences]


FLOAT = chain("ADD", "TANH", "SOFTMAX")


def test_quantizing_operators_are_looked_through() -> None:
    found = chain("QUANTIZE", "ADD", "TANH", "QUANTIZE", "SOFTMAX", "DEQUANTIZE")
    result = graph_alignment.align(FLOAT, found)
    assert result.differences == []
    assert result.operators == {(0, 0): (0, 1), (0, 1): (0, 2), (0, 2): (0, 4)}


def test_a_missing_operator() -> None:
    assert reasons(FLOAT, chain("ADD", "SOFTMAX")) == ["TANH is missing"]
    assert reasons(FLOAT, chain("TANH", "SOFTMAX")) == ["ADD is missing: input x is read instead"]
    assert reasons(FLOAT, chain("ADD", "TANH")) == ["SOFTMAX is missing"]


def test_an_added_operator() -> None:
    assert reasons(FLOAT, chain("ADD", "TANH", "ABS", "SOFTMAX")) == ["ABS has been added"]


def test_one_operator_in_the_place_of_another() -> None:
    assert reasons(FLOAT, chain("ADD", "LOGISTIC", "SOFTMAX")) == ["LOGISTIC stands in place of TANH"]


def test_another_option() -> None:
    found = chain("ADD", "TANH", "SOFTMAX", activation="RELU6")
    assert reasons(FLOAT, found) == ["ADD has fusedActivationFunction RELU6; expected NONE"]


def test_another_name_in_the_signature() -> None:
    assert "outputs are z; expected y" in reasons(FLOAT, chain("ADD", "TANH", "SOFTMAX", output="z"))


def test_another_number_of_outputs_of_a_nested_graph() -> None:
    one, other = looping(1), looping(2)
    assert reasons(one, one) == []
    assert reasons(one, other) == ["the cond graph of WHILE has 2 outputs; expected 1"]


def looping(conditions: int) -> Graph:
    """A loop whose condition has so many outputs, all of them the same."""
    inner = chain("LESS").subgraphs[0]
    condition, body = replace(inner, outputs=(1,) * conditions), chain("ADD").subgraphs[0]
    graph = chain("WHILE")
    options = {"condSubgraphIndex": 1, "bodySubgraphIndex": 2}
    operators = [replace(graph.operators[0], options=options)]
    main = replace(graph.subgraphs[0], operators=operators)
    return replace(graph, operators=operators, subgraphs=[main, condition, body])
