import numpy as np
import pytest

from pipeline.lib import statistics


def test_mcnemar_against_a_table_done_by_hand() -> None:
    """2 won, 8 lost of 10 that changed: 2 * (C(10,0) + C(10,1) + C(10,2)) / 2^10 = 112 / 1024."""
    before = np.array([1] * 8 + [0] * 2 + [1] * 90)
    after = np.array([0] * 8 + [1] * 2 + [1] * 90)
    assert statistics.mcnemar(before, after) == pytest.approx(112 / 1024)
    assert statistics.mcnemar(before, before) == 1


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    probabilities, values = [0.06, 0.9, 0.04], np.array([1.0, 0.0, -1.0])
    covered = 0
    for seed in range(300):
        low, high = statistics.paired_interval(rng.choice(values, 400, p=probabilities), seed=seed)
        covered += low <= 0.02 <= high
    assert 0.92 <= covered / 300 <= 0.98


def test_both_ways_of_resampling_agree() -> None:
    difference = np.random.default_rng(1).choice([1.0, 0.0, -1.0], 500, p=[0.1, 0.85, 0.05])
    quick = statistics.paired_interval(difference, seed=0)
    general = statistics.resampled_interval(lambda rows: float(difference[rows].mean()), 500, seed=0)
    np.testing.assert_allclose(quick, general, atol=0.004)


def test_seeded() -> None:
    difference = np.array([1.0, 0, 0, 0, -1, 0, 0, 1])
    assert statistics.paired_interval(difference, seed=3) == statistics.paired_interval(difference, seed=3)
