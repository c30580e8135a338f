from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tests import certified, faults
from tests.made import Made, constants_of, make


def test_a_bias_of_zeros_that_is_left_out_is_accounted_for(tmp_path: Path) -> None:
    import keras

    model = certified.wide()  # Keras starts with biases of zeros
    assert all(not np.any(layer.bias.numpy()) for layer in model.layers if isinstance(layer, keras.layers.Dense))
    made = make(model, tmp_path / "source")
    held = {variable for row in constants_of(made, made.float32) if row.passed for variable in row.variables}
    assert held == set(made.source.weights)


def test_a_bias_that_is_gone_is_missed(nets: Callable[[str], Made]) -> None:
    made = nets("convolutions")

    def edit(content: Any) -> None:
        operator = faults.operators(content, "CONV_2D")[0]
        operator.inputs = np.array([*operator.inputs[:2], -1], np.int32)

    wrong = [row for row in constants_of(made, faults.edited(made.float32, edit)) if not row.passed]
    assert [(row.type, row.input) for row in wrong] == [("CONV_2D", 1)]
    assert wrong[0].reason.startswith("there is no bias; expected one from ")


def test_two_layers_with_kernels_of_one_shape_are_told_apart(nets: Callable[[str], Made]) -> None:
    made = nets("convolutions")
    nodes = [row.node for row in constants_of(made, made.float32) if row.type == "FULLY_CONNECTED" and row.input == 1]
    assert len(set(nodes)) == len(nodes) == 3
