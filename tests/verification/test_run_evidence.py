"""What running says about what was read: it explains what has no other explanation, and hides no changed weight."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import pytest

from pipeline.equivalence.conversion_record import DIFFERS, SAME, UNKNOWN, Conversion, Part
from pipeline.tflite import flatbuffer
from pipeline.verification import run_evidence
from tests import faults
from tests.made import Made, beside, certify


@pytest.mark.parametrize(("name", "factor"), [("wide", 1.001), ("wide", 3.0), ("attention", 1.001)])
def test_a_weight_that_is_not_what_the_network_has_stays_wrong(nets: Callable[[str], Made], name: str, factor: float) -> None:
    """Also one that moves nothing on the samples, and one that moves the outputs by no more than rounding."""
    made = nets(name)

    def edit(content: Any) -> None:
        buffers = sorted((b for b in content.buffers if b.data is not None), key=lambda b: -len(b.data))
        values = np.array(buffers[0].data, np.uint8).view(np.float32)
        values[7] *= np.float32(factor)
        buffers[0].data = values.view(np.uint8)

    wrong = faults.edited(made.float32, edit)
    report = certify(replace(made, float32=wrong), wrong, None, None)
    assert not report["passed"]
    assert {fault["check"] for fault in report["faults"]} == {"weights"}


def test_a_weight_behind_a_dead_unit_stays_wrong(nets: Callable[[str], Made]) -> None:
    """Its bias keeps the unit below zero whatever is drawn: running shows nothing of its weights."""
    made = nets("wide")
    graph = flatbuffer.read(made.float32)
    kernel, bias = (graph.tensors[number].name for number in graph.operators[0].inputs[1:])
    (row,) = [row for row in made.proof.rows if row.tensor == kernel and row.operator == 0]
    part = Part(operators=[0], verdict=SAME, visible=False)
    wrong = replace(row, passed=False, max_error=10.0, reason="differs")
    assert run_evidence.settled_rows([wrong], graph, [part], {}) == [wrong]
    assert bias != kernel


def test_names_with_and_without_the_calls_around_a_function() -> None:
    nodes = {
        "x": {"op": "Placeholder", "inputs": []},
        "net/w": {"op": "Variable", "inputs": [], "path": "w"},
        "net/mul": {"op": "Mul", "inputs": ["x:0", "net/w:0"]},
    }
    part = Part(operators=[0], verdict=SAME, visible=True, reads=["x:0"], makes=["StatefulPartitionedCall/net/mul:0"])
    assert run_evidence.operations(part, nodes) == {"net/mul", "net/w"}
    assert run_evidence.variables([part], nodes) == {"w"}
    assert run_evidence.variables([Part(operators=[0], verdict=DIFFERS, makes=part.makes)], nodes) == set()


def test_what_could_not_be_compared_is_said(nets: Callable[[str], Made]) -> None:
    graph = flatbuffer.read(nets("wide").float32)
    parts = [Part(operators=[1], verdict=UNKNOWN), Part(operators=[], verdict=UNKNOWN, reason="output out")]
    conversion = Conversion(samples=1, generated=True, parts=parts, kernels={}, alone="Only 1")
    found = run_evidence.not_compared(graph, conversion)
    assert found == ["FULLY_CONNECTED", "output out", "several samples at once, as LiteRT refuses them (Only 1)"]


def test_the_operators_of_a_loop_are_those_of_its_graphs(nets: Callable[[str], Made]) -> None:
    made = nets("recurrent")
    graph = flatbuffer.read(made.float32)
    loop = next(index for index, operator in enumerate(graph.operators) if operator.name == "WHILE")
    found = run_evidence.places(graph, Part(operators=[loop], verdict=SAME))
    body = graph.operators[loop].options["bodySubgraphIndex"]
    assert {place for number, place in found if number == body} == set(range(len(graph.subgraphs[body].operators)))
    assert (0, loop) in found
    assert all(part.verdict == SAME for part in beside(made, made.float32).parts)


@pytest.mark.parametrize("field", ["kernels", "together", "lengths"])
def test_outputs_that_are_not_finite_or_far_away_are_a_finding(field: str) -> None:
    empty = Conversion(samples=1, generated=True, parts=[], kernels={})
    assert list(run_evidence.outputs(empty)) == []
    found = list(run_evidence.outputs(msgspec.structs.replace(empty, **{field: {"out": None, "near": 0.5, "far": 65.0}})))
    assert [reason.split(":")[0] for reason in found] == ["output out", "output far"]
