"""Student's t on contributions, against formulas for means and by what it claims."""

import numpy as np
import pytest
from scipy.stats import bootstrap, skew, t, ttest_1samp

from pipeline.evaluation import studentized
from pipeline.evaluation.studentized import Spread


def of_mean(values: np.ndarray) -> Spread:
    counts = np.concatenate(list(studentized.left_out(len(values))))
    return studentized.jackknife(counts @ values / counts.sum(1))


def test_of_a_mean_it_is_the_t_interval_and_the_t_test() -> None:
    values = np.random.default_rng(0).gamma(2.0, 1.0, 40) - 1.2
    spread, mean = of_mean(values), float(values.mean())
    assert spread.error() == pytest.approx(values.std(ddof=1) / np.sqrt(40))
    assert spread.skew() == pytest.approx(skew(values))
    low, high = studentized.interval(mean, spread, n=40, share=False, level=0.9)
    expected = ttest_1samp(values, 0.0)
    assert (low, high) == pytest.approx(tuple(expected.confidence_interval(0.9)))
    assert studentized.p_value(mean, spread, n=40, share=False) == pytest.approx(expected.pvalue)


def test_groups_are_left_out_of_many_samples() -> None:
    """1,200 samples: 500 figures, each without two or three; the standard error of a mean stays what it is."""
    blocks = list(studentized.left_out(1200))
    counts = np.concatenate(blocks)
    assert counts.shape == (500, 1200)
    assert ((counts == 0).sum(0) == 1).all()
    assert set((counts == 0).sum(1)) == {2, 3}
    values = np.random.default_rng(1).normal(size=1200)
    assert of_mean(values).error() == pytest.approx(values.std(ddof=1) / np.sqrt(1200), rel=0.1)


def test_of_a_skewed_share_the_interval_reaches_further_to_where_the_tail_is() -> None:
    """Hall's transformation by its definition: at its end, g of the studentized distance is Student's quantile."""
    values = (np.random.default_rng(2).random(60) < 0.1) * 0.5
    spread, mean = of_mean(values), float(values.mean())
    plain = studentized.interval(mean, spread, n=60, share=False, level=0.95)
    low, high = studentized.interval(mean, spread, n=60, share=True, level=0.95)
    assert low == plain[0]
    assert high > plain[1]
    distance, a = (mean - high) / spread.error(), skew(values) / np.sqrt(60)
    assert distance + a * distance**2 / 3 + a**2 * distance**3 / 27 + a / 6 == pytest.approx(t.ppf(0.025, 59))


@pytest.mark.parametrize("share", [True, False])
@pytest.mark.parametrize("shift", [-0.3, -0.05, 0.0, 0.04, 0.2])
def test_interval_and_p_value_agree(share: bool, shift: float) -> None:
    values = np.random.default_rng(3).gamma(1.0, 0.2, 30) - 0.2 + shift
    spread, mean = of_mean(values), float(values.mean())
    p_value = studentized.p_value(mean, spread, n=30, share=share)
    for level in (1 - p_value - 1e-6, 1 - p_value + 1e-6, 0.95, 0.999):
        if 0 < level < 1:
            low, high = studentized.interval(mean, spread, n=30, share=share, level=level)
            assert (low > 0 or high < 0) == (p_value < 1 - level)


def test_no_variation_is_no_certainty_about_a_share() -> None:
    still = Spread(np.zeros(10), 9)
    low, high = studentized.interval(0.0, still, n=10, share=True, level=0.95)
    assert high == -low == pytest.approx(3.8415 / 13.8415, rel=1e-4)
    assert studentized.p_value(0.0, still, n=10, share=True) == 1
    # The same loss at every sample: still real only where the interval leaves out 0.
    assert studentized.p_value(3.8415 / 13.8415, still, n=10, share=True) == pytest.approx(0.05, rel=1e-3)
    # Of a figure without bounds there is nothing to say.
    assert studentized.interval(0.2, still, n=10, share=False, level=0.95) == (0.2, 0.2)
    assert studentized.p_value(0.0, still, n=10, share=False) == 1
    assert studentized.p_value(0.2, still, n=10, share=False) == 0


def test_the_standard_error_of_a_median_is_the_bootstrap_s() -> None:
    """The jackknife of a median knows two values only; what it lacks, `widened` takes from the bootstrap."""
    values = np.random.default_rng(4).normal(size=101)
    without = np.array([np.median(np.delete(values, i)) for i in range(101)])
    drawn = bootstrap((values,), np.median, n_resamples=500, random_state=0).standard_error
    spread = studentized.jackknife(without)
    assert studentized.widened(spread, drawn).error() == pytest.approx(max(drawn, spread.error()))
    assert studentized.widened(spread, 0.0).error() == spread.error()
