"""The statistics against published tables, and by simulation against what they claim."""

import numpy as np
import pytest
from scipy.stats import binomtest

from pipeline.evaluation import statistics


def test_mcnemar_against_published_examples() -> None:
    # Airway hyper-responsiveness before and after stem cell transplantation (Bentur et al. 2009), 1 against 7 of 21, as
    # analysed in Fagerland, Lydersen and Laake, The McNemar test for binary matched-pairs data, BMC Med Res Methodol 13, 2013:
    # exact conditional p = 0.0703.
    assert statistics.mcnemar(7, 1) == pytest.approx(0.0703, abs=5e-5)
    # Approval of the prime minister (Agresti, Categorical Data Analysis, table 10.1), 150 against 86 of 1600: p < 0.0001.
    assert statistics.mcnemar(150, 86) == pytest.approx(3.716e-5, rel=1e-3)


def test_mcnemar_by_hand() -> None:
    """2 won, 8 lost: 2 * (C(10,0) + C(10,1) + C(10,2)) / 2^10 = 112 / 1024."""
    assert statistics.mcnemar(8, 2) == statistics.mcnemar(2, 8) == pytest.approx(112 / 1024)
    assert statistics.mcnemar(0, 0) == 1


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


def test_the_bootstrap_covers_the_truth_as_often_as_it_says() -> None:
    """Paired differences with skew; the mean of the second group's is 0.3."""
    rng, n, rounds, covered = np.random.default_rng(1), 150, 1000, 0
    counts = np.concatenate(list(statistics.resamples(n, count=600, seed=0))).astype(np.float64)
    for _ in range(rounds):
        difference = rng.gamma(2.0, 0.5, n) - 0.7
        interval = statistics.percentile_interval(counts @ difference / n, level=0.95)
        assert interval is not None
        covered += interval[0] <= 0.3 <= interval[1]
    assert abs(covered / rounds - 0.95) <= 0.02


def test_no_false_alarm_beyond_the_level_also_for_several_variants() -> None:
    """Two networks that are equally good, 5 variants: single tests raise at most 5 % false alarms, the family too after Holm."""
    rng, rounds = np.random.default_rng(2), 2000
    lost = rng.binomial(30, 0.5, (rounds, 5))
    table = [statistics.mcnemar(k, 30 - k) for k in range(31)]
    p_values = np.array(table)[lost]
    assert (p_values <= 0.05).mean() <= 0.05
    family = [min(statistics.holm(dict(enumerate(map(float, row)))).values()) for row in p_values]  # type: ignore[arg-type]
    assert np.mean(np.array(family) <= 0.05) <= 0.05


def test_holm_by_hand() -> None:
    adjusted = statistics.holm({"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.9})
    assert adjusted == pytest.approx({"a": 0.04, "b": 0.09, "c": 0.09, "d": 0.9})
    assert list(adjusted) == ["a", "b", "c", "d"]


def test_the_smallest_drop_that_can_be_seen() -> None:
    # 6 lost and none won is the first with p <= 0.05: 2 / 2^6 = 0.031, while 5 give 0.0625.
    assert statistics.detectable(0, 200, alpha=0.05) == 6 / 200
    lost = round(statistics.detectable(4, 200, alpha=0.05) * 200) + 4  # type: ignore[operator]
    assert binomtest(lost, lost + 4).pvalue <= 0.05 < binomtest(lost - 1, lost + 3).pvalue
    assert statistics.detectable(0, 5, alpha=0.05) is None


def test_resamples_are_seeded_and_draw_n_of_n_in_blocks() -> None:
    blocks = list(statistics.resamples(3000, count=1500, seed=4))
    assert len(blocks) == 2
    counts = np.concatenate(blocks)
    assert counts.shape == (1500, 3000)
    assert (counts.sum(1) == 3000).all()
    assert (counts[:5] == next(statistics.resamples(3000, count=1500, seed=4))[:5]).all()
    assert (counts[:5] != next(statistics.resamples(3000, count=1500, seed=5))[:5]).any()


def test_an_interval_needs_figures() -> None:
    values = np.arange(100.0)
    assert statistics.percentile_interval(np.append(values, np.nan), level=0.9) == pytest.approx((4.95, 94.05))
    assert statistics.percentile_interval(np.append(values[:50], np.full(50, np.nan)), level=0.9) is None
