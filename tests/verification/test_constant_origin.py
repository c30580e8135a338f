import pytest

from pipeline.verification import recomputed_value
from tests import certified, faults
from tests.made import Made, constants_of, make


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return make(certified.randomised(certified.convolutions()), tmp_path_factory.mktemp("weights") / "source")


def test_every_constant_says_where_it_comes_from(made: Made) -> None:
    by_place = {(row.type, row.node.split("/")[1] if row.node else "", row.input): row for row in constants_of(made, made.float32)}
    kernel = by_place["CONV_2D", "conv_1", 1]
    assert kernel.variables == ["bn_full/gamma", "bn_full/moving_variance", "conv/kernel"]
    assert (kernel.kind, kernel.passed) == (recomputed_value.FOLDED, True)
    assert kernel.share is not None
    assert 0 < kernel.share <= 1
    dense = by_place["FULLY_CONNECTED", "first_1", 1]
    assert (dense.kind, dense.variables, dense.max_error) == (recomputed_value.LAYOUT, ["first/kernel"], 0.0)
    assert by_place["CONV_2D", "separable_1", 2].kind == recomputed_value.EXACT
    assert by_place["DEPTHWISE_CONV_2D", "separable_1", 2].transformation == "zeros: no bias"
    assert all(row.passed for row in by_place.values())


def test_names_play_no_part_when_they_are_gone(made: Made) -> None:
    def nameless(content: object) -> None:
        for number, tensor in enumerate(content.subgraphs[0].tensors):  # type: ignore[attr-defined]
            tensor.name = f"t{number}".encode()

    found = constants_of(made, faults.edited(made.float32, nameless))
    assert all(row.passed for row in found)
    held = {variable for row in found for variable in row.variables}
    assert held == {path for path in made.source.weights if "seed_generator" not in path}
