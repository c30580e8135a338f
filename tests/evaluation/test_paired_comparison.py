import numpy as np
import pytest

from pipeline.evaluation import statistics
from pipeline.evaluation.metric_type import Metric, Undefined
from pipeline.evaluation.paired_comparison import BOOTSTRAP, SCORE, compare
from pipeline.evaluation.registry import METRICS

LABELS = np.arange(100) % 2


def _scores(wrong: list[int]) -> np.ndarray:
    scores = np.eye(2)[LABELS]
    scores[wrong] = scores[wrong][:, ::-1]
    return scores


def test_decisions_are_compared_by_the_samples_that_changed_sides() -> None:
    original = (LABELS, _scores([0, 1, 2]))
    variants = {"worse": (LABELS, _scores(list(range(2, 12)))), "same": original}
    rows = compare(METRICS["accuracy"], {}, original, variants, level=0.95, resamples=10, seed=0)
    worse = rows["worse"]
    assert (worse.lost, worse.won, worse.drop, worse.method) == (9, 2, 0.07, SCORE)
    assert worse.interval == statistics.score_interval(9, 2, 100, level=0.95)
    assert worse.simultaneous == statistics.score_interval(9, 2, 100, level=0.975)
    assert worse.p_value == statistics.mcnemar(9, 2)
    assert worse.p_holm == min(1, 2 * worse.p_value)
    assert rows["same"].drop == 0
    assert rows["same"].p_holm == 1
    assert list(rows) == ["worse", "same"]


@pytest.mark.parametrize(("name", "sign"), [("rmse", -1.0), ("r2", 1.0)])
def test_other_figures_are_bootstrapped_on_the_same_resamples(name: str, sign: float) -> None:
    rng = np.random.default_rng(0)
    labels = rng.normal(size=(300, 1))
    original, variant = labels + 0.1 * rng.normal(size=(300, 1)), labels + 0.2 * rng.normal(size=(300, 1))
    metric = METRICS[name]
    row = compare(metric, {}, (labels, original), {"v": (labels, variant)}, level=0.9, resamples=400, seed=3)["v"]
    assert row.drop == pytest.approx(sign * (metric.compute(labels, original) - metric.compute(labels, variant)))
    assert row.drop is not None
    assert row.drop > 0
    assert row.method == BOOTSTRAP
    assert row.p_value is None
    # An independent bootstrap, with scikit-learn on rows drawn here.
    rows = rng.integers(0, 300, (400, 300))
    figures = [sign * (metric.compute(labels[i], original[i]) - metric.compute(labels[i], variant[i])) for i in rows]
    np.testing.assert_allclose(np.array(row.interval), np.quantile(figures, [0.05, 0.95]), rtol=0.15)


def test_a_user_s_metric_needs_nothing_but_a_function() -> None:
    own = Metric(
        lambda labels, scores, *, power: float((np.abs(scores - labels) ** power).mean()), higher_is_better=False, points=False
    )
    quick = METRICS["mae"]
    rng = np.random.default_rng(0)
    labels = rng.normal(size=(60, 1))
    given = {"v": (labels, labels + rng.normal(size=(60, 1)))}
    plain = compare(own, {"power": 1}, (labels, labels + 0.5), given, level=0.95, resamples=50, seed=1)["v"]
    assert plain.interval == pytest.approx(
        compare(quick, {}, (labels, labels + 0.5), given, level=0.95, resamples=50, seed=1)["v"].interval
    )


def test_what_is_undefined_has_a_reason_and_no_number() -> None:
    one = np.zeros(20, np.int64)
    scores = np.linspace(0, 1, 20)
    rows = compare(
        METRICS["roc_auc"], {}, (one, scores), {"v": (one, scores), "n": Undefined("NaN")}, level=0.95, resamples=9, seed=0
    )
    assert (rows["v"].drop, rows["v"].interval, rows["v"].p_value) == (None, None, None)
    assert rows["v"].reason == "only one class among the labels"


def test_too_few_samples_of_a_class_leave_no_interval() -> None:
    labels = np.zeros(40, np.int64)
    labels[0] = 1  # missing from 36 % of the resamples
    scores = np.random.default_rng(0).random(40)
    row = compare(METRICS["roc_auc"], {}, (labels, scores), {"v": (labels, scores[::-1])}, level=0.95, resamples=300, seed=0)["v"]
    assert row.interval is None
    assert row.drop is not None
    assert row.reason == "more than 1 in 20 resamples had no figure: too few samples"
