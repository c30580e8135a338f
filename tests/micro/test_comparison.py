import dataclasses

import numpy as np

from pipeline.micro import comparison
from tests.graphs import tensor


def test_a_distance_is_in_the_values_own_unit_and_a_nan_is_infinitely_far() -> None:
    found = np.array([[3, -128], [5, 127]], np.int8)
    np.testing.assert_array_equal(comparison.distance(found, np.array([[3, 127], [4, 127]], np.int8)), [[0, 255], [1, 0]])
    floats = comparison.distance(np.array([np.nan, np.nan, np.inf, 1.0]), np.array([np.nan, 0.0, 1.0, np.inf]))
    np.testing.assert_array_equal(floats, [0, np.inf, np.inf, np.inf])


def test_an_output_is_compared_in_steps_of_its_quantization() -> None:
    end = dataclasses.replace(tensor((1, 3), "int8", scale=0.5), zero_points=np.array([10]))
    found, kernels = np.array([[10, 11, 12]], np.int8), np.array([[10, 11, 13]], np.int8)
    row = comparison.output(found, np.array([[0.0, 0.5, -1.0]], np.float32), kernels, end)
    assert (row.unit, row.judged.largest, row.kernels.largest) == ("steps", 4.0, 1.0)
    assert row.kernels.equal == 2 / 3
    assert comparison.unit(tensor((1, 3))) == "values"


def test_the_worst_samples_come_first_and_each_output_counts_by_its_own_largest() -> None:
    first = np.array([[0.0, 0.0], [0.1, 0.0], [0.0, 0.3], [0.0, 0.0]])
    second = np.array([[0.0], [0.0], [0.0], [800.0]])
    assert comparison.worst([first], 4) == [2, 1]
    assert comparison.worst([first, second], 2) == [2, 3]
    assert comparison.worst([np.zeros((4, 2))], 4) == []
    assert comparison.worst([np.array([[1.0], [np.inf]])], 1) == [1]
