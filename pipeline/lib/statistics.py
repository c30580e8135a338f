"""Is a difference between two networks on the same samples real?"""

from collections.abc import Callable

import numpy as np

RESAMPLES = 2000
LEVEL = 0.95


def paired_interval(difference: np.ndarray, *, seed: int) -> tuple[float, float]:
    """Percentile bootstrap interval of a mean of paired differences (Efron and Tibshirani 1993, chapter 13).

    Args:
        difference: for each sample one figure minus the other, float [n].
        seed: of the resampling.

    Returns:
        Lower and upper end at `LEVEL`.
    """
    values, counts = np.unique(difference, return_counts=True)
    # Drawing n samples with replacement is drawing how often each distinct value occurs.
    draws = np.random.default_rng(seed).multinomial(len(difference), counts / len(difference), RESAMPLES)
    return _ends(draws @ values / len(difference))


def resampled_interval(statistic: Callable[[np.ndarray], float], count: int, *, seed: int) -> tuple[float, float]:
    """Percentile bootstrap interval of any statistic of paired samples.

    Args:
        statistic: sample numbers, int [n], to the figure.
        count: n.
        seed: of the resampling.
    """
    rng = np.random.default_rng(seed)
    return _ends(np.array([statistic(rng.integers(0, count, count)) for _ in range(RESAMPLES)]))


def mcnemar(before: np.ndarray, after: np.ndarray) -> float:
    """Exact two-sided McNemar test: are as many decisions made right as are made wrong? (McNemar 1947, binomial form.)

    Args:
        before: 0 or 1 for each sample [n].
        after: the same for the other network.

    Returns:
        The p-value; 1 when no decision changed sides.
    """
    from scipy.stats import binomtest

    lost, won = int(np.sum((before == 1) & (after == 0))), int(np.sum((before == 0) & (after == 1)))
    return float(binomtest(lost, lost + won).pvalue) if lost + won else 1.0


def _ends(values: np.ndarray) -> tuple[float, float]:
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(values, [tail, 1 - tail])
    return float(low), float(high)
