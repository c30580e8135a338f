import pytest

from pipeline.tflite.layer_names import scope
from pipeline.verification import architecture
from tests import certified
from tests.graphs import node
from tests.made import Made, make


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return make(certified.randomised(certified.convolutions()), tmp_path_factory.mktemp("architecture") / "source")


def test_operations_and_layers_behind_an_operator(made: Made) -> None:
    proof = made.proof
    by_layer = {proof.mapped.main[place].split("/")[1]: place for place in proof.mapped.main}
    place = by_layer["conv_1"]
    assert proof.mapped.layers[place] == ["conv", "bn_full", "relu6"]
    assert len(proof.mapped.main) == len(set(proof.mapped.main.values()))


def test_the_scope_that_all_operations_share() -> None:
    inside = [node("net/conv/Conv2D", "Conv2D"), node("net/relu/Relu", "Relu"), node("image", "Placeholder")]
    assert architecture.root_scope({"nodes": inside}) == "net/"
    assert architecture.root_scope({"nodes": [*inside, node("other/Relu", "Relu")]}) == ""


def test_the_layers_of_an_operation() -> None:
    patterns = {path: scope(path, numbered=False) for path in ("block", "block/conv")}
    mapped = architecture.Map(nodes={}, layers={}, main={}, patterns=patterns)
    assert architecture.layers_of("net/block/conv/Conv2D", mapped, "net/") == ("block", "block/conv")
    assert architecture.layers_of("net/dense/MatMul", mapped, "net/") == ()
