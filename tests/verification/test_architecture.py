from pathlib import Path

import pytest

from pipeline.tflite import macs
from pipeline.verification import architecture, float32_proof
from tests import certified, faults
from tests.made import Made, make


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return make(certified.randomised(certified.convolutions()), tmp_path_factory.mktemp("architecture") / "source")


def test_what_became_of_each_layer(made: Made) -> None:
    reasons = {row["path"]: row["reason"] for row in made.proof.layers}
    assert all(row["passed"] for row in made.proof.layers)
    assert reasons["conv"] == "present as CONV_2D"
    assert reasons["bn_full"] == reasons["relu6"] == "part of CONV_2D of conv"
    assert reasons["separable"] == "present as DEPTHWISE_CONV_2D, CONV_2D"
    assert reasons["bn_alone"] == "present as MUL, ADD"
    assert reasons["dropout"] == "computes nothing at inference"
    assert reasons["flatten"] == "present as RESHAPE"
    assert reasons["first"] == "present as FULLY_CONNECTED, SOFTMAX"


def test_a_shared_layer_is_looked_for_at_each_call(tmp_path: Path) -> None:
    shared = make(certified.randomised(certified.shared()), tmp_path / "source")
    rows = {row["path"]: row for row in shared.proof.layers}
    assert rows["twice"]["calls"] == 2
    assert len(rows["twice"]["operators"]) == 2


def faults_of(made: Made, edit: faults.Edit) -> list[architecture.Fault]:
    return float32_proof.prove(made.source, faults.edited(made.float32, edit)).faults


def test_strides_and_padding_are_the_network_s(made: Made) -> None:
    def stride(content: object) -> None:
        faults.operators(content, "CONV_2D")[1].builtinOptions.strideH = 1

    def padding(content: object) -> None:
        faults.operators(content, "CONV_2D")[1].builtinOptions.padding = 0

    assert "strides [1, 2]" in faults_of(made, stride)[0].reason
    assert "strided" in faults_of(made, stride)[0].layers
    assert "pads otherwise" in faults_of(made, padding)[0].reason


def test_an_activation_the_network_does_not_have(made: Made) -> None:
    def edit(content: object) -> None:
        faults.operators(content, "FULLY_CONNECTED")[0].builtinOptions.fusedActivationFunction = 1

    found = faults_of(made, edit)
    assert found[0].reason == "RELU is no part of the network"
    assert "dense" in found[0].layers


def test_signature(made: Made) -> None:
    assert all(row["passed"] for row in architecture.signature(made.proof.graph, made.source.signature))
    other = {**made.source.signature, "key": "predict", "inputs": [{"name": "image", "shape": [1, 9, 9, 3]}]}
    wrong = [row["what"] for row in architecture.signature(made.proof.graph, other) if not row["passed"]]
    assert wrong == ["signature key", "shape of input image"]


def test_histogram_and_macs(made: Made) -> None:
    assert architecture.histogram(made.proof.graph)["CONV_2D"] == 3
    # 12 x 12 x 8 of 27, 5 x 5 x 8 of 72, 5 x 5 x 16 of 9, 3 x 3 x 16 of 9, 3 x 3 x 12 of 16, 3 x 3 x 12 of 54, 216 x 20, 2 x 20 x 5
    assert sum(macs.macs(made.proof.graph).values()) == 31104 + 14400 + 3600 + 1296 + 1728 + 5832 + 4320 + 200
