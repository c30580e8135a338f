from collections.abc import Callable
from dataclasses import replace as changed

import pytest

from pipeline.errors import Impossible
from pipeline.quantization import remedies
from pipeline.tflite import flatbuffer
from tests import records
from tests.networks import Measured

Place = Callable[[str], tuple[str, str]]


@pytest.fixture
def place(digits: Measured) -> Place:
    return lambda kind: next(
        (kind, digits.graph.tensors[operator.outputs[0]].name) for operator in digits.graph.operators if operator.name == kind
    )


def test_what_stops_inside_is_left_in_float(digits: Measured, place: Place) -> None:
    refused = Impossible("no kernel", "take it out", (place("MAX_POOL_2D"),))
    found = remedies.at_run_time(refused, digits.graph, variant="int8", settings=records.settings(exclude=["dense"]), layers={})
    assert str(found) == (
        "no kernel; set `exclude: [dense, MAX_POOL_2D]` in conf/quantization/int8.yaml to leave MAX_POOL_2D in float32"
    )
    assert found.places == refused.places


def test_at_an_end_the_dtype_has_to_be_float_too(digits: Measured, place: Place) -> None:
    refused = Impossible("no kernel", "take it out", (place("SOFTMAX"),))
    found = remedies.at_run_time(refused, digits.graph, variant="int8", settings=records.settings(), layers={})
    assert "set `exclude: [SOFTMAX]` and `io_dtype: float32` in conf/quantization/int8.yaml" in found.remedy


@pytest.mark.parametrize("settings", [{"engine": "converter"}, {"scheme": "mixed"}])
def test_where_nothing_can_be_excluded_the_remedy_stands(digits: Measured, place: Place, settings: dict[str, str]) -> None:
    refused = Impossible("no kernel", "take it out", (place("SOFTMAX"),))
    assert remedies.at_run_time(refused, digits.graph, variant="v", settings=records.settings(**settings), layers={}) is refused


def test_an_operator_of_another_library_cannot_be_excluded(digits: Measured) -> None:
    operators = [changed(digits.graph.operators[0], name="FlexIFFT"), *digits.graph.operators[1:]]
    graph: flatbuffer.Graph = changed(digits.graph, operators=operators)
    for places in ((("FlexIFFT", "t"),), ()):
        refused = Impossible("no kernel", "take it out", places)
        assert remedies.at_run_time(refused, graph, variant="v", settings=records.settings(), layers={}) is refused


@pytest.mark.parametrize(("layers", "name"), [({}, "CONV_2D"), ({"conv": ["shift"]}, "shift")])
def test_a_divisor_that_rounds_to_zero_is_computed_in_float_too(digits: Measured, layers: dict[str, list[str]], name: str) -> None:
    """As an integer it is 0, whatever divides by it."""
    first, second, *rest = digits.graph.operators
    writes = digits.graph.tensors[first.outputs[0]].name
    divide = changed(second, name="DIV", inputs=(first.outputs[0], first.outputs[0]))
    graph = changed(digits.graph, operators=[first, divide, *rest], inputs={})
    refused = Impossible("zero", "take it out", (("DIV", graph.tensors[divide.outputs[0]].name),))
    known = {writes: layers["conv"]} if layers else {}
    found = remedies.at_run_time(refused, graph, variant="int8", settings=records.settings(), layers=known)
    assert found.remedy.startswith(f"set `exclude: [DIV, {name}]` in conf/quantization/int8.yaml")
