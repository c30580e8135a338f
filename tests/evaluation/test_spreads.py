import numpy as np
import pytest

from pipeline.evaluation import spreads, studentized
from pipeline.evaluation.metric_type import Metric, Undefined
from pipeline.evaluation.registry import METRICS


def test_a_mean_varies_as_its_terms_do_and_all_variants_on_the_same_resamples() -> None:
    rng = np.random.default_rng(0)
    labels, before = np.zeros((50, 1)), rng.normal(size=(50, 1))
    after = before + rng.normal(size=(50, 1))
    found = spreads.of_drops(
        METRICS["mae"], {}, (labels, before), {"a": (labels, after), "b": (labels, after)}, resamples=500, seed=0
    )
    a, b = found["a"], found["b"]
    assert isinstance(a, studentized.Spread)
    assert isinstance(b, studentized.Spread)
    np.testing.assert_array_equal(a.contributions, b.contributions)
    difference = (np.abs(after) - np.abs(before))[:, 0]
    assert a.error() == pytest.approx(difference.std(ddof=1) / np.sqrt(50), rel=0.1)


def test_a_figure_that_is_not_smooth_has_the_bootstrap_s_error() -> None:
    """A user's metric: the median error. Its jackknife, of two values only, is far off; here too small."""
    own = Metric(lambda labels, scores: float(np.median(np.abs(scores - labels))), higher_is_better=False, points=False)
    rng = np.random.default_rng(3)
    labels, before, after = np.zeros((81, 1)), np.zeros((81, 1)), rng.normal(size=(81, 1))
    found = spreads.of_drops(own, {}, (labels, before), {"v": (labels, after)}, resamples=400, seed=0)["v"]
    assert isinstance(found, studentized.Spread)
    values = np.abs(after)[:, 0]
    drawn = np.median(values[rng.integers(0, 81, (2000, 81))], 1).std()
    assert found.error() >= 0.9 * drawn


def test_what_a_metric_knows_itself_is_not_measured() -> None:
    labels = np.array([0, 0, 1, 1, 1])
    scores = np.array([0.1, 0.6, 0.5, 0.7, 0.9])
    given = {"v": (labels, scores[::-1].copy()), "w": (labels, scores)}
    found = spreads.of_drops(METRICS["roc_auc"], {}, (labels, scores), given, resamples=1, seed=0)
    assert not isinstance(found["v"], Undefined)
    assert found["v"].freedom == 1
    assert not isinstance(found["w"], Undefined)
    assert found["w"].error() == 0


def test_one_sample_does_not_vary() -> None:
    one = np.zeros((1, 1))
    assert isinstance(spreads.of_drops(METRICS["mae"], {}, (one, one), {"v": (one, one)}, resamples=9, seed=0)["v"], Undefined)
