from collections.abc import Callable

import pytest

from pipeline.tflite.flatbuffer import Operator
from pipeline.verification import architecture, float32_proof, operator_faults
from tests import faults
from tests.graphs import chain, node
from tests.made import Made


def faults_of(made: Made, edit: faults.Edit) -> list[architecture.Fault]:
    return float32_proof.prove(made.source, faults.edited(made.float32, edit)).faults


def test_strides_and_padding_are_the_network_s(nets: Callable[[str], Made]) -> None:
    made = nets("convolutions")

    def stride(content: object) -> None:
        faults.operators(content, "CONV_2D")[1].builtinOptions.strideH = 1

    def padding(content: object) -> None:
        faults.operators(content, "CONV_2D")[1].builtinOptions.padding = 0

    assert "strides [1, 2]" in faults_of(made, stride)[0].reason
    assert "strided" in faults_of(made, stride)[0].layers
    assert "pads otherwise" in faults_of(made, padding)[0].reason


def test_an_activation_the_network_does_not_have(nets: Callable[[str], Made]) -> None:
    made = nets("convolutions")

    def edit(content: object) -> None:
        faults.operators(content, "FULLY_CONNECTED")[0].builtinOptions.fusedActivationFunction = 1

    found = faults_of(made, edit)
    assert found[0].reason == "RELU is no part of the network"
    assert "dense" in found[0].layers


def mapped(*nodes: str) -> architecture.Map:
    """The operators of a chain stand for these operations of the network, one each; "" for none."""
    places = {(0, index): [name] if name else [] for index, name in enumerate(nodes)}
    return architecture.Map(nodes=places, layers={place: [] for place in places}, main={}, patterns={})


@pytest.mark.parametrize(
    ("operators", "stands_for", "reasons"),
    [
        (("RELU6",), ("relu",), []),
        (("TANH",), ("relu",), ["Relu6 (relu) is carried by an operator with TANH"]),
        (("ABS",), ("relu",), ["Relu6 (relu) is carried by an operator with no activation"]),
        (("RELU6",), ("",), []),  # without a name any that is free carries it
        (("ABS",), ("",), ["no operator carries Relu6 (relu)"]),
        (("RELU6", "LOGISTIC"), ("relu", ""), ["LOGISTIC is no part of the network"]),
    ],
)
def test_activations(operators: tuple[str, ...], stands_for: tuple[str, ...], reasons: list[str]) -> None:
    source = {"nodes": [node("x", "Placeholder"), node("relu", "Relu6", "x")]}
    found = operator_faults.activations(chain(*operators), source, mapped(*stands_for))
    assert [fault.reason for fault in found] == reasons


def test_the_slope_of_a_leaky_relu() -> None:
    graph = chain("LEAKY_RELU")
    graph.subgraphs[0].operators[0] = Operator(name="LEAKY_RELU", inputs=(0,), outputs=(1,), options={"alpha": 0.3})
    for alpha, reasons in ((0.3, []), (0.2, ["LeakyRelu (leaky) has slope 0.3; expected 0.2"])):
        source = {"nodes": [node("x", "Placeholder"), node("leaky", "LeakyRelu", "x", alpha=alpha)]}
        assert [fault.reason for fault in operator_faults.activations(graph, source, mapped("leaky"))] == reasons
