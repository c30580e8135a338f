"""The statistics against published tables, and by simulation against what they claim."""

import numpy as np
import pytest
from scipy.stats import chi2

from pipeline.evaluation import statistics


def test_the_score_test_against_published_examples() -> None:
    # Airway hyper-responsiveness before and after stem cell transplantation (Bentur et al. 2009), 1 against 7 of 21, as
    # analysed in Fagerland, Lydersen and Laake, The McNemar test for binary matched-pairs data, BMC Med Res Methodol 13, 2013:
    # asymptotic p = 0.034.
    assert statistics.score_p_value(7, 1) == pytest.approx(0.034, abs=5e-4)
    # Approval of the prime minister (Agresti, Categorical Data Analysis, table 10.1), 150 against 86 of 1600: z^2 = 17.36.
    assert statistics.score_p_value(150, 86) == pytest.approx(chi2.sf(17.356, 1), rel=1e-3)
    assert statistics.score_p_value(0, 0) == 1


@pytest.mark.parametrize(("lost", "won", "n"), [(4, 0, 450), (3, 0, 450), (30, 15, 200), (20, 12, 200), (1, 9, 60), (7, 1, 21)])
def test_interval_and_p_value_agree(lost: int, won: int, n: int) -> None:
    """At every level the interval leaves out 0 exactly where the p-value is below 1 - level."""
    p_value = statistics.score_p_value(lost, won)
    for level in (1 - p_value - 1e-6, 1 - p_value + 1e-6, 0.95, 0.999):
        low, high = statistics.score_interval(lost, won, n, level=level)
        assert (low > 0 or high < 0) == (p_value < 1 - level)


def test_score_interval_against_a_published_example() -> None:
    """The same airway data: difference -0.286, Tango's interval -0.517 to -0.026 (Fagerland, Lydersen and Laake,
    Recommended tests and confidence intervals for paired binomial proportions, Statistics in Medicine 33, 2014)."""
    low, high = statistics.score_interval(1, 7, 21, level=0.95)
    assert (round(low, 3), round(high, 3)) == (-0.517, -0.026)


@pytest.mark.parametrize(("lost", "won", "n"), [(0, 0, 450), (3, 1, 100), (0, 5, 20), (40, 20, 160), (9, 0, 9), (0, 9, 9)])
def test_the_ends_of_the_score_interval_are_where_the_test_turns(lost: int, won: int, n: int) -> None:
    """At each end the score statistic, with its own constrained likelihood found by brute force, is the normal quantile."""
    low, high = statistics.score_interval(lost, won, n, level=0.95)
    assert -1 <= low <= (lost - won) / n <= high <= 1
    for end in {low, high} - {-1.0, 1.0}:
        grid = np.linspace(max(0, -end), (1 - end) / 2, 400_001)[1:-1]  # the probability of `won`
        likelihood = won * np.log(grid) + lost * np.log(grid + end) + (n - lost - won) * np.log(1 - 2 * grid - end)
        best = grid[likelihood.argmax()]
        score = (lost - won - n * end) / np.sqrt(n * (2 * best + end * (1 - end)))
        assert abs(score) == pytest.approx(1.959964, abs=2e-3)


def test_the_score_interval_does_not_shrink_to_nothing_when_nothing_changed() -> None:
    low, high = statistics.score_interval(0, 0, 450, level=0.95)
    assert high == pytest.approx(3.8415 / (450 + 3.8415), rel=1e-4)
    assert low == pytest.approx(-high)


@pytest.mark.parametrize(
    ("budget", "level", "needed"), [(0.01, 0.95, 381), (0.01, 0.99, 657), (0.005, 0.95, 765), (0.0, 0.95, None)]
)
def test_the_fewest_samples_that_can_keep_a_budget(budget: float, level: float, needed: int | None) -> None:
    assert statistics.fewest(budget, level=level) == needed
    if needed is not None:
        assert statistics.score_interval(0, 0, needed, level=level)[1] <= budget
        assert statistics.score_interval(0, 0, needed - 1, level=level)[1] > budget


@pytest.mark.parametrize(("lost", "won", "n"), [(3, 1, 300), (0, 2, 100), (1, 1, 50), (4, 0, 900)])
def test_the_fewest_samples_with_the_same_shares_of_changes_are_where_the_interval_meets_the_budget(
    lost: int, won: int, n: int
) -> None:
    needed = statistics.fewest(0.01, level=0.95, lost=lost, won=won, n=n)
    assert needed is not None
    for factor, kept in ((1.0, True), (0.99, False)):
        more = factor * needed / n  # the interval takes counts that are no integers as well
        assert (statistics.score_interval(lost * more, won * more, n * more, level=0.95)[1] <= 0.01 + 1e-12) is kept
    assert statistics.fewest(0.01, level=0.95, lost=n // 100 + 1, won=0, n=n) is None


@pytest.mark.parametrize(("lose", "win"), [(0.03, 0.01), (0.05, 0.05), (0.10, 0.02)])
def test_the_score_interval_covers_the_truth_as_often_as_it_says(lose: float, win: float) -> None:
    rng, n, rounds, covered = np.random.default_rng(0), 500, 3000, 0
    known: dict[tuple[int, int], bool] = {}
    for lost, won, _ in rng.multinomial(n, [lose, win, 1 - lose - win], rounds):
        pair = (int(lost), int(won))
        if pair not in known:
            low, high = statistics.score_interval(*pair, n, level=0.95)
            known[pair] = low <= lose - win <= high
        covered += known[pair]
    assert abs(covered / rounds - 0.95) <= 0.02


def test_no_false_alarm_beyond_the_level_also_for_several_variants() -> None:
    """Two networks that are equally good, 5 variants: single tests raise at most 5 % false alarms, the family too after Holm."""
    rng, rounds = np.random.default_rng(2), 2000
    lost = rng.binomial(30, 0.5, (rounds, 5))
    table = [statistics.score_p_value(k, 30 - k) for k in range(31)]
    p_values = np.array(table)[lost]
    assert (p_values <= 0.05).mean() <= 0.05
    family = [min(statistics.holm(dict(enumerate(map(float, row)))).values()) for row in p_values]
    assert np.mean(np.array(family) <= 0.05) <= 0.05


def test_holm_by_hand() -> None:
    adjusted = statistics.holm({"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.9})
    assert adjusted == pytest.approx({"a": 0.04, "b": 0.09, "c": 0.09, "d": 0.9})
    assert list(adjusted) == ["a", "b", "c", "d"]


@pytest.mark.parametrize(("won", "n", "alpha"), [(0, 200, 0.05), (4, 200, 0.05), (30, 500, 0.01), (0, 5, 0.05)])
def test_the_smallest_drop_that_can_be_seen(won: int, n: int, alpha: float) -> None:
    """One sample fewer and the test would not have called it real."""
    drop = statistics.detectable(won, n, alpha=alpha)
    assert drop is not None
    lost = round(drop * n) + won
    assert statistics.score_p_value(lost, won) <= alpha < statistics.score_p_value(lost - 1, won)


def test_too_few_samples_see_no_drop() -> None:
    assert statistics.detectable(0, 200, alpha=0.05) == 4 / 200
    assert statistics.detectable(0, 3, alpha=0.05) is None


def test_resamples_are_seeded_and_draw_n_of_n_in_blocks() -> None:
    blocks = list(statistics.resamples(3000, count=1500, seed=4))
    assert len(blocks) == 2
    counts = np.concatenate(blocks)
    assert counts.shape == (1500, 3000)
    assert (counts.sum(1) == 3000).all()
    assert (counts[:5] == next(statistics.resamples(3000, count=1500, seed=4))[:5]).all()
    assert (counts[:5] != next(statistics.resamples(3000, count=1500, seed=5))[:5]).any()
