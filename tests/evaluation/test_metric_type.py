import numpy as np

from pipeline.evaluation.metric_type import mean_of, of_sums


def test_sums_are_divided_once_whatever_the_sizes_of_the_parts() -> None:
    """A mean of the means of unequal batches would be (1 + 0) / 2; the sum over all samples is 3 / 4."""
    right = np.array([1.0, 1.0, 1.0, 0.0])
    figure = mean_of(lambda labels, scores: right)(right, right, np.ones((1, 4), np.int64))
    assert figure.tolist() == [0.75]


def test_a_figure_of_sums_is_nan_where_it_is_undefined() -> None:
    ratio = of_sums(lambda labels, scores: np.stack([scores, labels], 1), lambda sums, n: sums[:, 0] / sums[:, 1])
    counts = np.array([[1, 0], [0, 2]])
    figures = ratio(np.array([0.0, 2.0]), np.array([0.0, 3.0]), counts)
    assert np.isnan(figures[0])
    assert figures[1] == 1.5
