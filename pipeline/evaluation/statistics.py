"""Is a difference between two networks on the same samples real?

A drop is the original's figure minus the variant's, turned so that positive is worse. `lost` are the samples that only the
original decides rightly, `won` those that only the variant does.
"""

from collections.abc import Callable, Hashable, Iterator, Mapping
from typing import TypeVar

import numpy as np

Name = TypeVar("Name", bound=Hashable)

# Resampled counts held at a time: 32 MB as float64.
_BLOCK = 4_000_000


def score_interval(lost: float, won: float, n: float, *, level: float) -> tuple[float, float]:
    """Interval of a difference of two paired proportions, (lost - won) / n, by inverting the score test.

    T. Tango, Equivalence test and confidence interval for the difference in proportions for the paired-sample design,
    Statistics in Medicine 17, 1998, 891-908. Unlike the bootstrap it does not shrink to nothing when no decision changed:
    with lost = won = 0 it is +- z^2 / (n + z^2).

    Args:
        lost: samples only the first decides rightly.
        won: samples only the second decides rightly.
        n: all samples.
        level: of confidence, such as 0.95.

    Returns:
        Lower and upper end.
    """
    from scipy.optimize import brentq
    from scipy.stats import norm

    z = float(norm.ppf((1 + level) / 2))
    estimate = (lost - won) / n
    edge = 1 - 1e-12
    low = -1.0 if estimate <= -edge else brentq(lambda d: _score(lost, won, n, d) - z, -edge, estimate, xtol=1e-12)
    high = 1.0 if estimate >= edge else brentq(lambda d: _score(lost, won, n, d) + z, estimate, edge, xtol=1e-12)
    return float(low), float(high)


def _score(lost: float, won: float, n: float, delta: float) -> float:
    """Tango's statistic of the hypothesis that the difference is `delta`, standard normal under it."""
    # The share of `won` that is likeliest when the difference is delta (Tango's equation for q21).
    a, b, c = 2 * n, -lost - won + (2 * n - lost + won) * delta, -won * delta * (1 - delta)
    share = (np.sqrt(max(b * b - 4 * a * c, 0)) - b) / (2 * a)
    variance = n * (2 * share + delta * (1 - delta))
    return float((lost - won - n * delta) / np.sqrt(variance)) if variance > 0 else 0.0


def fewest(budget: float, *, level: float, lost: float = 0, won: float = 0, n: float = 1) -> int | None:
    """The least number of samples with which `score_interval` keeps a drop within `budget`, the same shares having changed sides.

    `_score` is proportional to the square root of the number of samples.

    Args:
        budget: of the drop, a share.
        level: of confidence.
        lost, won, n: as in `score_interval`; by default no decision changed sides.

    Returns:
        It; None when the drop itself is not below the budget, which no number of samples keeps.
    """
    from scipy.stats import norm

    if (lost - won) / n >= budget:
        return None
    z = float(norm.ppf((1 + level) / 2))
    return int(np.ceil(n * (z / _score(lost, won, n, budget)) ** 2 - 1e-9))


def score_p_value(lost: int, won: int) -> float:
    """Two-sided test of no difference: the score test that `score_interval` inverts, at a difference of 0.

    There it is McNemar's (1947) without a continuity correction, (lost - won) / sqrt(lost + won) against the normal distribution;
    so the p-value is below 0.05 exactly where the 95 % interval leaves out 0.

    Returns:
        The p-value; 1 when no decision changed sides.
    """
    from scipy.stats import norm

    return float(2 * norm.sf(abs(lost - won) / np.sqrt(lost + won))) if lost + won else 1.0


def detectable(won: int, n: int, *, alpha: float) -> float | None:
    """The smallest drop that the score test would have called real at `alpha`, the variant winning as many samples as it did.

    A smaller one cannot be detected with n samples, whatever its truth.

    Returns:
        The drop as a share of n, or None when even losing every other sample would not do.
    """
    from scipy.stats import norm

    z = float(norm.isf(alpha / 2))
    # (lost - won)^2 = z^2 (lost + won), solved for lost; rounding may put the root one off.
    root = won + (z * z + z * np.sqrt(z * z + 8 * won)) / 2
    lost = next(k for k in range(max(won + 1, int(root) - 1), int(root) + 3) if (k - won) >= z * np.sqrt(k + won))
    return (lost - won) / n if lost <= n - won else None


def resamples(n: int, *, count: int, seed: int) -> Iterator[np.ndarray]:
    """Bootstrap resamples of n samples, as how often each sample occurs: int64 [r, n] a block, `count` rows in all.

    The same for the same n, count and seed, so that what they are applied to stays paired.
    """
    rng = np.random.default_rng(seed)
    most = max(1, _BLOCK // n)
    for start in range(0, count, most):
        rows = min(most, count - start)
        drawn = rng.integers(0, n, (rows, n)) + n * np.arange(rows)[:, None]
        yield np.bincount(drawn.ravel(), minlength=rows * n).reshape(rows, n)


def holm(p_values: Mapping[Name, float]) -> dict[Name, float]:
    """p-values adjusted for making all these tests: the chance of any false alarm stays at the level (Holm 1979)."""
    ordered = sorted(p_values, key=lambda name: p_values[name])
    adjusted: dict[Name, float] = {}
    running = 0.0
    for rank, name in enumerate(ordered):
        running = max(running, min(1.0, (len(ordered) - rank) * p_values[name]))
        adjusted[name] = running
    return {name: adjusted[name] for name in p_values}


def by_rows(compute: Callable[[np.ndarray], float], counts: np.ndarray) -> np.ndarray:
    """A figure of resamples [r], for metrics that know no shorter way: `compute` gets the sample numbers of each, int [n]."""
    numbers = np.arange(counts.shape[1])
    return np.array([compute(np.repeat(numbers, row)) for row in counts])
