"""Interval and test of a drop from what each sample adds to it, by Student's t.

Chosen by simulation (`make simulate-statistics`): with few samples or heavy tails, percentiles of the bootstrap and BCa hold the
truth 5 to 15 % of the time less often.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

# Above this many samples the jackknife leaves out groups of them: the number of its figures stays this.
_GROUPS = 500
_BLOCK = 4_000_000
# A standard error below this is rounding in float64, not variation: of a share, or relative to the drop.
_NOTHING = 1e-12


class Spread(NamedTuple):
    """How a drop varies from sample to sample.

    Attributes:
        contributions: influence of each sample, or group of samples, on the drop: float64 [g] with mean 0, so scaled that the
            standard error is the root of the sum of their squares over g.
        freedom: degrees of freedom of that standard error.
    """

    contributions: np.ndarray
    freedom: int

    def error(self) -> float:
        """The standard error."""
        return float(np.sqrt((self.contributions**2).sum()) / len(self.contributions))

    def skew(self) -> float:
        """Skewness of the contributions; 0 where they do not vary."""
        square = float((self.contributions**2).mean())
        return float((self.contributions**3).mean() / square**1.5) if square > 0 else 0.0


def left_out(n: int) -> Iterator[np.ndarray]:
    """Counts of the jackknife, int64 [r, n] a block: each row without one sample, or without one of `_GROUPS` groups."""
    groups = min(n, _GROUPS)
    member = np.arange(n) % groups
    most = max(1, _BLOCK // n)
    for start in range(0, groups, most):
        yield (member[None] != np.arange(start, min(start + most, groups))[:, None]).astype(np.int64)


def jackknife(figures: np.ndarray) -> Spread:
    """From the drops without each sample (or group), [g], to how the drop varies.

    Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 11.
    """
    g = len(figures)
    return Spread((g - 1) * (figures.mean() - figures) * np.sqrt(g / (g - 1)), g - 1)


def widened(spread: Spread, error: float) -> Spread:
    """The same with a standard error that is at least `error`: the jackknife's is too small for figures that are not smooth, such
    as medians."""
    own = spread.error()
    return spread if own >= error or own == 0 else Spread(spread.contributions * (error / own), spread.freedom)


def interval(drop: float, spread: Spread, *, n: int, share: bool, level: float) -> tuple[float, float]:
    """Confidence interval of a drop.

    Student's t interval. Of shares, whose contributions are often skewed and never large, also Hall's transformation of t (P. Hall,
    On the removal of skewness by transformation, JRSS B 54, 1992, 221-228), and the wider end of both; where no sample adds
    anything, Tango's interval for no changed decision, +- z^2 / (n + z^2): that no change was seen does not say that there is none.

    Args:
        drop: as measured.
        spread: of it.
        n: samples.
        share: the figure is a share of 1.
        level: of confidence, such as 0.95.

    Returns:
        Lower and upper end. Where nothing varies and the figure is no share both are the drop: no bound exists in its unit.
    """
    from scipy.stats import norm, t

    error = spread.error()
    if _still(drop, error, share=share):
        z = float(norm.ppf((1 + level) / 2))
        least = z * z / (n + z * z) if share else 0.0
        return drop - least, drop + least
    quantile = float(t.ppf((1 + level) / 2, spread.freedom))
    ends = [-quantile, quantile]
    if share:
        a = _skewness(spread)
        ends += [_inverse(-quantile, a), _inverse(quantile, a)]
    return drop - max(ends) * error, drop - min(ends) * error


def p_value(drop: float, spread: Spread, *, n: int, share: bool) -> float:
    """Two-sided test of no drop: 1 minus the largest level at which `interval` leaves out 0."""
    from scipy.stats import norm, t

    error = spread.error()
    if _still(drop, error, share=share):
        if drop == 0 or not share:
            return 1.0 if drop == 0 else 0.0
        return float(2 * norm.sf(np.sqrt(n * abs(drop) / (1 - abs(drop))))) if abs(drop) < 1 else 0.0
    statistic = drop / error
    found = [statistic, _transformed(statistic, _skewness(spread))] if share else [statistic]
    return float(2 * t.sf(min(map(abs, found)), spread.freedom))


def _still(drop: float, error: float, *, share: bool) -> bool:
    return error <= _NOTHING * (1.0 if share else abs(drop))


def _skewness(spread: Spread) -> float:
    return spread.skew() / float(np.sqrt(len(spread.contributions)))


def _transformed(statistic: float, a: float) -> float:
    """Hall's g(t) = t + a t^2 / 3 + a^2 t^3 / 27 + a / 6, a being skewness over the root of the number."""
    return statistic + a * statistic**2 / 3 + a * a * statistic**3 / 27 + a / 6


def _inverse(value: float, a: float) -> float:
    return value if abs(a) < 1e-9 else float(3 / a * (np.cbrt(1 + a * (value - a / 6)) - 1))
