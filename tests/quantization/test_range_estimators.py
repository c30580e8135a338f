"""Each way to choose a range, against numpy on the values themselves or against an implementation of the same paper."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import entropy as kl_divergence

from pipeline.quantization import histograms, range_estimators
from pipeline.quantization.histograms import Histogram

VALUES = st.lists(st.floats(-100, 100), min_size=2, max_size=20)
OPTIONS: dict[str, Any] = {"bits": 8, "percentile": 99.0}


def histogram(values: np.ndarray, bins: int = 2048) -> Histogram:
    low, high = float(values.min()), float(values.max())
    return Histogram(low=low, high=high, counts=histograms.count(values, low=low, high=high, bins=bins))


def squared_error(values: np.ndarray, low: float, high: float) -> float:
    """Of 8-bit codes with a zero point, on the values themselves."""
    low, high = min(low, 0.0), max(high, 0.0)
    scale = (high - low) / 255
    zero = np.round(-low / scale)
    codes = np.clip(np.round(values / scale) + zero, 0, 255)
    return float(np.sum(((codes - zero) * scale - values) ** 2))


LONG_TAIL = np.random.default_rng(1).standard_t(2.5, 20_000)
RECTIFIED = np.maximum(np.random.default_rng(2).normal(size=20_000), 0)
SHAPES = {"two-sided": LONG_TAIL, "after ReLU": RECTIFIED, "all negative": -RECTIFIED, "uniform": np.linspace(-1, 3, 20_000)}


@given(VALUES)
def test_min_max_does_not_depend_on_the_order(values: list[float]) -> None:
    lows = np.array(values)
    shuffled = np.random.default_rng(0).permutation(lows)
    found = [range_estimators.min_max((array, array + 1), **OPTIONS) for array in (lows, shuffled)]
    assert found[0] == found[1] == (lows.min(), lows.max() + 1)


def test_moving_average_by_hand() -> None:
    found = range_estimators.moving_average((np.array([0.0, -1.0]), np.array([10.0, 20.0])), **OPTIONS)
    assert found == pytest.approx((0.95 * 0 - 0.05, 0.95 * 10 + 0.05 * 20))


def test_moving_average_depends_on_the_order() -> None:
    lows, highs = np.zeros(2), np.array([1.0, 2.0])
    assert range_estimators.moving_average((lows, highs), **OPTIONS) != range_estimators.moving_average(
        (lows, highs[::-1]), **OPTIONS
    )


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("percent", [90.0, 99.0, 99.99, 100.0])
def test_percentile_is_that_of_numpy_to_a_bin(shape: str, percent: float) -> None:
    values = SHAPES[shape]
    seen = histogram(values)
    tail = 100 - percent
    if values.min() >= 0:
        expected = (values.min(), np.percentile(values, 100 - tail))
    elif values.max() <= 0:
        expected = (np.percentile(values, tail), values.max())
    else:
        expected = (np.percentile(values, tail / 2), np.percentile(values, 100 - tail / 2))
    found = range_estimators.percentile(seen, bits=8, percentile=percent)
    # The ends of sparse tails lie between two values that may be several bins apart; their ranks must be right.
    for end, want in zip(found, expected, strict=True):
        between = np.sort(np.concatenate([values[values <= want][-1:], values[values >= want][:1], [want]]))
        nearest = values[np.argsort(np.abs(values - want))[:3]]
        assert min(between[0], nearest.min()) - seen.width <= end <= max(between[-1], nearest.max()) + seen.width


@pytest.mark.parametrize("shape", SHAPES)
def test_mse_is_as_good_as_trying_every_pair_of_ends(shape: str) -> None:
    """Against a search over all pairs on the values themselves: within 2 percent, as a histogram has 2,048 bins."""
    values = SHAPES[shape]
    found = squared_error(values, *range_estimators.mse(histogram(values), bits=8, percentile=0))
    shares = np.arange(1, 41) / 40
    lows = values.min() * shares if values.min() < 0 else [0.0]
    highs = values.max() * shares if values.max() > 0 else [0.0]
    best = min(squared_error(values, low, high) for low in lows for high in highs)
    assert found <= best * 1.02
    assert found <= squared_error(values, float(values.min()), float(values.max())) * 1.02


def test_mse_cuts_an_outlier_for_8_bits_and_not_for_16() -> None:
    """20 million values like a bell and one at 50: with 8 bits their rounding, 0.003 each, outweighs the outlier's 45^2."""
    seen = histogram(np.concatenate([np.random.default_rng(3).normal(size=20_000), [50.0]]))
    many = Histogram(low=seen.low, high=seen.high, counts=np.where(seen.centres < 49, seen.counts * 1000, seen.counts))
    assert 3 < range_estimators.mse(many, bits=8, percentile=0)[1] < 10
    assert range_estimators.mse(many, bits=16, percentile=0)[1] > 45


@pytest.mark.parametrize(("shape", "codes"), [("two-sided", 128), ("after ReLU", 256)])
def test_entropy_is_that_of_a_plain_implementation(shape: str, codes: int) -> None:
    """Loops and scipy's divergence, as in the slides of Migacz 2017."""
    values = SHAPES[shape]
    seen = histogram(values, bins=600)
    top = max(-seen.low, seen.high)
    bins = int(np.ceil(top / seen.width))
    counts = np.zeros(bins)
    for centre, count in zip(seen.centres, seen.counts, strict=True):
        counts[min(int(abs(centre) / seen.width), bins - 1)] += count
    counts[0] = counts[1]
    divergences = {}
    for i in range(codes, bins + 1):
        p = counts[:i].copy()
        p[-1] += counts[i:].sum()
        q = np.zeros(i)
        for code in range(codes):
            members = [j for j in range(i) if j * codes // i == code and p[j] > 0]
            for j in members:
                q[j] = counts[members].sum() / len(members) or 1e-4
        divergences[i] = kl_divergence(p, q)
    best = min(divergences.values())
    kept = max(i for i, value in divergences.items() if value <= best * (1 + 1e-9))
    limit = kept * seen.width
    assert range_estimators.entropy(seen, bits=8, percentile=0) == pytest.approx((max(seen.low, -limit), min(seen.high, limit)))


def test_entropy_cuts_an_outlier_and_nothing_for_16_bits() -> None:
    values = np.concatenate([RECTIFIED, [1000.0]])
    assert range_estimators.entropy(histogram(values), bits=8, percentile=0)[1] < 200
    assert range_estimators.entropy(histogram(values), bits=16, percentile=0)[1] == 1000


@pytest.mark.parametrize("method", [name for name, row in range_estimators.METHODS.items() if row.reads_histogram])
@pytest.mark.parametrize("bits", range_estimators.BITS)
@pytest.mark.parametrize("constant", [0.0, 3.0, -2.0])
def test_a_constant_tensor_keeps_its_value(method: str, bits: int, constant: float) -> None:
    low, high = range_estimators.METHODS[method].compute(histogram(np.full(10, constant)), bits=bits, percentile=99.0)
    assert low <= constant <= high


@pytest.mark.parametrize("method", [name for name, row in range_estimators.METHODS.items() if row.reads_histogram])
@pytest.mark.parametrize("bits", range_estimators.BITS)
@pytest.mark.parametrize("shape", SHAPES)
def test_no_method_widens_a_range(method: str, bits: int, shape: str) -> None:
    seen = histogram(SHAPES[shape])
    low, high = range_estimators.METHODS[method].compute(seen, bits=bits, percentile=99.0)
    assert seen.low <= low < high <= seen.high


def test_stability_compares_the_halves() -> None:
    lows, highs = np.zeros(4), np.array([1.0, 1.0, 2.0, 2.0])

    def stability(lows: np.ndarray, highs: np.ndarray) -> dict[str, float]:
        return range_estimators.stability({"t": (lows, highs)}, None, method="min_max", percentile=99.0)

    assert stability(lows, highs) == {"t": 0.5}
    assert stability(lows, np.ones(4)) == {"t": 0.0}
    assert stability(lows[:1], highs[:1]) == {"t": 1.0}


def test_stability_of_histograms_compares_theirs() -> None:
    first, second = np.linspace(0, 1, 1000), np.linspace(0, 2, 1000)
    halves = tuple(Histogram(low=0, high=2, counts=histograms.count(part, low=0, high=2, bins=2000)) for part in (first, second))
    found = range_estimators.stability({"t": (np.zeros(2), np.ones(2))}, {"t": halves}, method="percentile", percentile=100.0)  # type: ignore[dict-item]
    assert found == {"t": pytest.approx(0.5, abs=0.002)}
