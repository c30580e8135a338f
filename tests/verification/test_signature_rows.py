from collections.abc import Callable
from dataclasses import replace

from pipeline.verification import signature_rows
from tests.made import Made


def test_signature(nets: Callable[[str], Made]) -> None:
    made = nets("convolutions")
    assert all(row["passed"] for row in signature_rows.rows(made.proof.graph, made.source.signature))
    other = {**made.source.signature, "key": "predict", "inputs": [{"name": "image", "shape": [1, 9, 9, 3]}]}
    wrong = [row["what"] for row in signature_rows.rows(made.proof.graph, other) if not row["passed"]]
    assert wrong == ["signature key", "shape of input image"]


def test_a_length_that_only_a_run_tells_is_no_difference_at_the_end(nets: Callable[[str], Made]) -> None:
    made = nets("wide")
    graph = made.proof.graph
    (number,) = graph.outputs.values()
    for free, passed in (((0, 1), True), ((0,), False), ((), False)):
        open_ends = replace(graph, tensors=list(graph.tensors))
        open_ends.tensors[number] = replace(graph.tensors[number], shape=(1, 1), free=free)
        rows = signature_rows.rows(open_ends, made.source.signature)
        assert [row["passed"] for row in rows if row["what"] == "shape of output out"] == [passed]


def test_an_input_that_is_free_is_what_it_says(nets: Callable[[str], Made]) -> None:
    made = nets("wide")
    graph = replace(made.proof.graph, tensors=list(made.proof.graph.tensors))
    (number,) = graph.inputs.values()
    graph.tensors[number] = replace(graph.tensors[number], shape=(1, 1), free=(0, 1))
    wrong = [row["what"] for row in signature_rows.rows(graph, made.source.signature) if not row["passed"]]
    assert wrong == ["shape of input features"]
