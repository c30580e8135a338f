"""The true drops that the simulation takes for granted, against large sets."""

import numpy as np
import pytest

from pipeline.cli import simulated_sets
from pipeline.cli.simulated_sets import CASES, Case


@pytest.mark.parametrize("case", [case for case in CASES if case.truth is not None], ids=lambda case: case.what)
def test_a_formula_gives_the_drop_of_a_large_set(case: Case) -> None:
    labels, before, after = case.draw(200_000, np.random.default_rng(1))
    metric = case.measured()
    difference = metric.compute(labels, before, **case.options) - metric.compute(labels, after, **case.options)
    drop = difference if metric.higher_is_better else -difference
    # Errors with infinite variance settle slowly.
    assert case.drop() == pytest.approx(drop, abs=0.1 if "RMSE, t3" in case.what else 0.01)


def test_images_differ_in_a_few_pixels() -> None:
    labels, before, after = simulated_sets.masks(500, np.random.default_rng(0))
    assert (before.sum((1, 2)) == 64).all()
    assert (before.sum(2) == labels).all()
    assert (after.sum(2) == labels).all()
    assert 0 < np.abs(after - before).sum() / 2 < 0.1 * before.sum()


def test_each_class_has_two_samples() -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        assert 2 <= simulated_sets.ranked(10, rng, yes=0.1, noise=0.1)[0].sum() <= 8
