from pathlib import Path

import numpy as np
import pytest

from pipeline.verification import constant_folding, constant_origin
from tests import certified, faults
from tests.made import Made, make


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return make(certified.randomised(certified.convolutions()), tmp_path_factory.mktemp("weights") / "source")


def rows(made: Made, model: bytes) -> list[constant_origin.Row]:
    from pipeline.tflite import flatbuffer

    known = constant_folding.evaluate(made.source.graph["nodes"], made.source.constants, made.source.weights)
    linears = constant_folding.linears(made.source.graph["nodes"], known)
    return constant_origin.account(flatbuffer.read(model), linears, constant_folding.operands(made.source.graph["nodes"], known))


def test_every_constant_says_where_it_comes_from(made: Made) -> None:
    by_place = {(row.type, row.node.split("/")[1] if row.node else "", row.input): row for row in rows(made, made.float32)}
    kernel = by_place["CONV_2D", "conv_1", 1]
    assert kernel.variables == ["bn_full/gamma", "bn_full/moving_variance", "conv/kernel"]
    assert (kernel.kind, kernel.passed) == (constant_origin.FOLDED, True)
    assert kernel.share is not None
    assert 0 < kernel.share <= 1
    dense = by_place["FULLY_CONNECTED", "first_1", 1]
    assert (dense.kind, dense.variables, dense.max_error) == (constant_origin.LAYOUT, ["first/kernel"], 0.0)
    assert by_place["CONV_2D", "separable_1", 2].kind == constant_origin.EXACT
    assert by_place["DEPTHWISE_CONV_2D", "separable_1", 2].transformation == "zeros: no bias"
    assert all(row.passed for row in by_place.values())


def test_names_play_no_part_when_they_are_gone(made: Made) -> None:
    def nameless(content: object) -> None:
        for number, tensor in enumerate(content.subgraphs[0].tensors):  # type: ignore[attr-defined]
            tensor.name = f"t{number}".encode()

    found = rows(made, faults.edited(made.float32, nameless))
    assert all(row.passed for row in found)
    held = {variable for row in found for variable in row.variables}
    assert held == {path for path in made.source.weights if "seed_generator" not in path}


def test_a_stranger_s_constant_is_explained_by_nothing(made: Made) -> None:
    def edit(content: object) -> None:
        values = faults.array(content, faults.tensor_of(content, faults.operators(content, "MUL")[0], 1), "float32")
        values += np.float32(0.5)

    wrong = [row for row in rows(made, faults.edited(made.float32, edit)) if not row.passed]
    assert [row.type for row in wrong] == ["MUL"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda w: w[..., [1, 0, 2, 3]], "channels 0, 1 hold each other's weights"),
        (lambda w: w.transpose(1, 0, 2, 3), "the axes are in the wrong order: found those of [1, 0, 2, 3]"),
        (lambda w: w + (np.arange(108).reshape(w.shape) == 5), "one of 108 entries differs: at [0, 0, 1, 1]"),
        (lambda w: w * [1, 1, 2, 1], "channels 2 differ (27 of 108 entries)"),
    ],
)
def test_differences_in_words(change: object, message: str) -> None:
    w = np.random.default_rng(0).normal(size=(3, 3, 3, 4))
    found = change(w)  # type: ignore[operator]
    assert constant_origin.describe(found, w, found != w).startswith(message)


def test_a_bias_of_zeros_that_is_left_out_is_accounted_for(tmp_path: Path) -> None:
    import keras

    model = certified.wide()  # Keras starts with biases of zeros
    assert all(not np.any(layer.bias.numpy()) for layer in model.layers if isinstance(layer, keras.layers.Dense))
    made = make(model, tmp_path / "source")
    held = {variable for row in rows(made, made.float32) if row.passed for variable in row.variables}
    assert held == set(made.source.weights)
