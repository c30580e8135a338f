"""Variables that no output depends on, and such that one does."""

from dataclasses import replace

from pipeline.tflite import idle_state
from pipeline.tflite.flatbuffer import Graph, Operator, Subgraph
from tests.graphs import chain, tensor


def seeded(*, read: bool = False) -> Graph:
    """x -> ABS -> y, and a variable that is read, raised and written; `read`: ABS reads what it holds instead of x."""
    graph = chain("ABS")
    number = tensor((1,), "int64")
    graph.tensors.extend([tensor((1,), "resource"), number, number, tensor((1,), "int64", constant=True)])
    graph.operators[:] = [
        Operator(name="CALL_ONCE", inputs=(), outputs=(), options={"initSubgraphIndex": 1}),
        Operator(name="VAR_HANDLE", inputs=(), outputs=(2,)),
        Operator(name="READ_VARIABLE", inputs=(2,), outputs=(3,)),
        Operator(name="ADD", inputs=(3, 5), outputs=(4,)),
        Operator(name="ASSIGN_VARIABLE", inputs=(2, 4), outputs=()),
        Operator(name="ABS", inputs=(4 if read else 0,), outputs=(1,)),
    ]
    handle = Operator(name="VAR_HANDLE", inputs=(), outputs=(0,))
    written = Operator(name="ASSIGN_VARIABLE", inputs=(0, 1), outputs=())
    setting = Subgraph(
        name="NoOp",
        inputs=(),
        outputs=(),
        tensors=[tensor((1,), "resource"), tensor((1,), "int64", constant=True)],
        operators=[handle, written],
    )
    return replace(graph, subgraphs=[*graph.subgraphs, setting])


def test_all_that_only_keeps_a_state() -> None:
    assert idle_state.operators(seeded()) == {(0, 0), (0, 1), (0, 2), (0, 3), (0, 4), (1, 0), (1, 1)}


def test_nothing_where_an_output_depends_on_it() -> None:
    assert idle_state.operators(seeded(read=True)) == set()


def test_nothing_where_a_loop_that_runs_reads_it() -> None:
    graph = seeded()
    body = Subgraph(
        name="body", inputs=(), outputs=(), tensors=[], operators=[Operator(name="READ_VARIABLE", inputs=(), outputs=())]
    )
    graph.operators[5] = replace(graph.operators[5], name="WHILE", options={"condSubgraphIndex": 2, "bodySubgraphIndex": 2})
    assert idle_state.operators(replace(graph, subgraphs=[*graph.subgraphs, body])) == set()


def test_what_computes_an_output_as_well_is_not_idle() -> None:
    graph = seeded()
    graph.operators[4] = replace(graph.operators[4], inputs=(2, 1))  # the output itself is kept
    assert (0, 5) not in idle_state.operators(graph)


def test_other_operators_that_nothing_reads_are_no_state() -> None:
    graph = chain("ABS")
    graph.tensors.append(tensor((1,)))
    graph.operators.append(Operator(name="NEG", inputs=(0,), outputs=(2,)))
    assert idle_state.operators(graph) == set()
