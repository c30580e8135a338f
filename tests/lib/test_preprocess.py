from typing import Any

import numpy as np

from pipeline.lib import preprocess


def test_rescale_is_computed_in_float64() -> None:
    result = preprocess.rescale(np.array([0, 255], np.uint8), scale=1 / 127.5, offset=-1.0)
    np.testing.assert_array_equal(result, np.array([-1, 1], np.float32))
    assert result.dtype == np.float32


def test_steps_are_applied_in_their_order_to_every_input() -> None:
    sample = {"a": np.array([1], np.uint8), "b": np.array([2], np.uint8)}
    steps: list[tuple[str, dict[str, Any]]] = [("rescale", {"scale": 2.0, "offset": 1.0}), ("cast", {"dtype": "int32"})]
    result = preprocess.apply(sample, steps)
    assert {name: (array.tolist(), array.dtype.name) for name, array in result.items()} == {
        "a": ([3], "int32"),
        "b": ([5], "int32"),
    }
    assert sample["a"].dtype == np.uint8
