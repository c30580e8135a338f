"""Variables that no output depends on, and such that one does."""

from dataclasses import replace
from typing import Any

import pytest

from pipeline.tflite import idle_state
from pipeline.tflite.flatbuffer import Graph, Operator, Subgraph
from tests.graphs import chain, tensor


def counting(step: str, *, more: str | None = None, live: bool = False) -> Graph:
    """A RELU beside a variable that `step` changes with a constant, and that a second subgraph sets up with `more` as well."""

    def one(name: str, inputs: tuple[int, ...], outputs: tuple[int, ...], **options: Any) -> Operator:
        return Operator(name=name, inputs=inputs, outputs=outputs, options=options)

    constant = tensor((1,), constant=True)
    tensors = [tensor((1,)), tensor((1,)), tensor((1,)), tensor((1,)), tensor((1,)), constant]
    main = [
        one("CALL_ONCE", (), (), initSubgraphIndex=1),
        one("VAR_HANDLE", (), (2,)),
        one("READ_VARIABLE", (2,), (3,)),
        one(step, (3, 5), (4,)),
        one("ASSIGN_VARIABLE", (2, 4), ()),
        one("RELU", (4 if live else 0,), (1,)),
    ]
    start = [one("VAR_HANDLE", (), (0,)), *([one(more, (), (2,))] if more else []), one("ASSIGN_VARIABLE", (0, 1), ())]
    subgraphs = [
        Subgraph(name="main", inputs=(0,), outputs=(1,), tensors=tensors, operators=main),
        Subgraph(name="start", inputs=(), outputs=(), tensors=[*tensors[:1], constant, tensor((1,))], operators=start),
    ]
    return Graph(signature="s", inputs={"x": 0}, outputs={"y": 1}, tensors=tensors, operators=main, subgraphs=subgraphs)


def test_a_counter_that_nothing_reads() -> None:
    assert idle_state.operators(counting("ADD")) == {(0, index) for index in range(5)} | {(1, 0), (1, 1)}


@pytest.mark.parametrize(
    "graph", [counting("ADD", live=True), counting("GATHER"), counting("CONCATENATION"), counting("ADD", more="WHILE")]
)
def test_what_an_output_depends_on_or_a_later_call_may_fail_at(graph: Graph) -> None:
    """GATHER at the number of the call fails when the table is at its end, CONCATENATION grows, and a loop need not end."""
    assert idle_state.operators(graph) == set()


def test_a_file_without_variables() -> None:
    graph = counting("ADD")
    left = [graph.operators[-1]]
    found = replace(graph, operators=left, subgraphs=[replace(graph.subgraphs[0], operators=left)])
    assert idle_state.operators(found) == set()


def test_nothing_where_a_loop_that_runs_reads_it() -> None:
    graph = counting("ADD")
    body = Subgraph(
        name="body", inputs=(), outputs=(), tensors=[], operators=[Operator(name="READ_VARIABLE", inputs=(), outputs=())]
    )
    graph.operators[5] = replace(graph.operators[5], name="WHILE", options={"condSubgraphIndex": 2, "bodySubgraphIndex": 2})
    assert idle_state.operators(replace(graph, subgraphs=[*graph.subgraphs, body])) == set()


def test_what_computes_an_output_as_well_is_not_idle() -> None:
    graph = counting("ADD")
    graph.operators[4] = replace(graph.operators[4], inputs=(2, 1))  # the output itself is kept
    assert (0, 5) not in idle_state.operators(graph)


def test_other_operators_that_nothing_reads_are_no_state() -> None:
    graph = chain("ABS")
    graph.tensors.append(tensor((1,)))
    graph.operators.append(Operator(name="NEG", inputs=(0,), outputs=(2,)))
    assert idle_state.operators(graph) == set()
