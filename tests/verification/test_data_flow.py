from collections.abc import Callable
from typing import Any

from pipeline.verification import architecture, data_flow
from tests import faults
from tests.graphs import chain, node
from tests.made import Made, certify

SOURCE = {
    "nodes": [node("x", "Placeholder"), node("one", "MatMul", "x", "w"), node("two", "MatMul", "one", "w")],
    "outputs": {"y": "two:0"},
}


def reasons(main: dict[int, str]) -> list[str]:
    """Of a chain of two kernels, by the operations they stand for."""
    mapped = architecture.Map(nodes={}, layers={}, main={(0, index): name for index, name in main.items()}, patterns={})
    graph = chain("FULLY_CONNECTED", "FULLY_CONNECTED")
    return [fault.reason for fault in data_flow.faults(graph, SOURCE, mapped)]


def test_kernels_in_the_network_s_order() -> None:
    assert reasons({0: "one", 1: "two"}) == []


def test_kernels_in_another_order() -> None:
    assert reasons({0: "two", 1: "one"}) == [
        "two is computed from input x; expected one",
        "one is computed from two; expected input x",
        "output y is computed from one; expected two",
    ]


def test_a_kernel_that_is_left_out() -> None:
    assert reasons({0: "one"}) == []  # what stands for nothing is looked through on both sides
    assert reasons({1: "two"}) == []


def test_two_layers_of_one_shape_that_are_fed_from_each_other_s_place(nets: Callable[[str], Made]) -> None:
    made = nets("convolutions")

    def edit(content: Any) -> None:
        first, second = faults.operators(content, "FULLY_CONNECTED")[1:3]
        first.outputs, second.outputs = second.outputs, first.outputs

    assert not certify(made, faults.edited(made.float32, edit), None)["passed"]
