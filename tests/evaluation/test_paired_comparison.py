from typing import Any

import numpy as np
import pytest
from scipy.stats import ttest_1samp

from pipeline.errors import UserError
from pipeline.evaluation import paired_comparison, statistics
from pipeline.evaluation.accuracy_report import Comparison
from pipeline.evaluation.metric_type import Metric, Undefined
from pipeline.evaluation.paired_comparison import EXACT, SCORE, STUDENT, compare
from pipeline.evaluation.registry import METRICS

LABELS = np.arange(100) % 2


def _scores(wrong: list[int]) -> np.ndarray:
    scores = np.eye(2)[LABELS] * 0.8 + 0.1
    scores[wrong] = scores[wrong][:, ::-1]
    return scores


def agrees(row: Comparison, level: float = 0.95) -> bool:
    """Whether interval and p-value of a row say the same."""
    assert row.interval is not None
    assert row.p_value is not None
    return (row.interval[0] > 0 or row.interval[1] < 0) == (row.p_value < 1 - level)


def test_decisions_are_compared_by_the_samples_that_changed_sides() -> None:
    original = (LABELS, _scores([0, 1, 2]))
    variants = {"worse": (LABELS, _scores(list(range(2, 12)))), "other": (LABELS, _scores([5])), "same": original}
    rows, comparisons = compare(METRICS["accuracy"], {}, original, variants, level=0.95, resamples=10, seed=0)
    worse = rows["worse"]
    assert comparisons == 2
    assert (worse.lost, worse.won, worse.drop, worse.method) == (9, 2, 0.07, SCORE)
    assert worse.interval == statistics.score_interval(9, 2, 100, level=0.95)
    assert worse.simultaneous == statistics.score_interval(9, 2, 100, level=0.975)
    assert worse.p_value == statistics.score_p_value(9, 2)
    assert worse.p_holm == min(1, 2 * worse.p_value)
    assert rows["same"].drop == 0
    assert rows["same"].p_holm == 1
    assert list(rows) == ["worse", "other", "same"]


def test_what_is_the_original_but_for_rounding_costs_no_other_variant_anything() -> None:
    """float32 in a list is no test: the other variant's interval stays that of one comparison."""
    original = (LABELS, _scores([0, 1, 2]))
    rounded = (LABELS, original[1] * (1 + 1e-6))
    int8 = (LABELS, _scores([0, 1, 2, 3]))
    alone = compare(METRICS["accuracy"], {}, original, {"int8": int8}, level=0.95, resamples=10, seed=0)
    beside = compare(METRICS["accuracy"], {}, original, {"float32": rounded, "int8": int8}, level=0.95, resamples=10, seed=0)
    assert alone.comparisons == beside.comparisons == 1
    assert beside.rows["int8"] == alone.rows["int8"]
    # The chosen file may be the float32 one: its bound is that of a set without one changed decision.
    assert beside.rows["float32"].simultaneous == statistics.score_interval(0, 0, 100, level=0.95)


def test_variants_that_answer_alike_are_one_comparison() -> None:
    original = (LABELS, _scores([0, 1, 2]))
    rows = {name: (LABELS, _scores([0, 1, 2, 3]) * factor) for name, factor in (("int8", 1.0), ("uint8", 0.99))}
    rows |= {"int4": (LABELS, _scores([0, 1, 2, 3, 4, 5]))}
    found = compare(METRICS["accuracy"], {}, original, rows, level=0.95, resamples=10, seed=0)
    assert found.comparisons == 2
    assert found.rows["int8"].simultaneous == statistics.score_interval(1, 0, 100, level=0.975)
    # No decision changed, but it is another network: one comparison as well.
    unchanged = compare(
        METRICS["accuracy"], {}, original, {"a": (LABELS, _scores([0, 1, 2]) * 0.9)}, level=0.95, resamples=9, seed=0
    )
    assert unchanged.comparisons == 1


@pytest.mark.parametrize(("name", "sign"), [("rmse", -1.0), ("r2", 1.0)])
def test_other_figures_vary_as_their_samples_do(name: str, sign: float) -> None:
    rng = np.random.default_rng(0)
    labels = rng.normal(size=(300, 1))
    original, variant = labels + 0.1 * rng.normal(size=(300, 1)), labels + 0.2 * rng.normal(size=(300, 1))
    metric = METRICS[name]
    row = compare(metric, {}, (labels, original), {"v": (labels, variant)}, level=0.9, resamples=400, seed=3).rows["v"]
    assert row.drop == pytest.approx(sign * (metric.compute(labels, original) - metric.compute(labels, variant)))
    assert row.drop is not None
    assert row.drop > 0
    assert row.method == STUDENT
    assert agrees(row, 0.9)
    # An independent bootstrap, with scikit-learn on rows drawn here.
    rows = rng.integers(0, 300, (400, 300))
    figures = [sign * (metric.compute(labels[i], original[i]) - metric.compute(labels[i], variant[i])) for i in rows]
    np.testing.assert_allclose(np.array(row.interval), np.quantile(figures, [0.05, 0.95]), rtol=0.15)


def test_a_mean_of_differences_is_compared_by_the_paired_t_test() -> None:
    rng = np.random.default_rng(5)
    labels = np.zeros((40, 1))
    before, after = rng.normal(size=(40, 1)), rng.normal(size=(40, 1))
    row = compare(METRICS["mae"], {}, (labels, before), {"v": (labels, after)}, level=0.95, resamples=2000, seed=0).rows["v"]
    expected = ttest_1samp((np.abs(after) - np.abs(before))[:, 0], 0.0)
    # The larger of two standard errors: never narrower, and hardly wider.
    np.testing.assert_allclose(np.array(row.interval), tuple(expected.confidence_interval(0.95)), rtol=0.05)
    assert row.p_value == pytest.approx(expected.pvalue, rel=0.1)


def test_a_perfect_area_on_ten_samples_is_not_certain() -> None:
    """Before: "no loss beyond 0 points (95 %)"."""
    labels = np.repeat([0, 1], 5)
    row = compare(
        METRICS["roc_auc"], {}, (labels, labels * 1.0), {"v": (labels, labels * 2.0 + 1)}, level=0.95, resamples=2000, seed=0
    ).rows["v"]
    assert row.method == EXACT
    assert row.interval is not None
    assert row.interval[1] == pytest.approx(3.8415 / 13.8415, rel=1e-4)
    assert agrees(row)


def test_a_user_s_metric_needs_nothing_but_a_function() -> None:
    own = Metric(
        lambda labels, scores, *, power: float((np.abs(scores - labels) ** power).mean()), higher_is_better=False, points=False
    )
    quick = METRICS["mae"]
    rng = np.random.default_rng(0)
    labels = rng.normal(size=(60, 1))
    given = {"v": (labels, labels + rng.normal(size=(60, 1)))}
    plain = compare(own, {"power": 1}, (labels, labels + 0.5), given, level=0.95, resamples=50, seed=1).rows["v"]
    same = compare(quick, {}, (labels, labels + 0.5), given, level=0.95, resamples=50, seed=1).rows["v"]
    assert plain.interval == pytest.approx(same.interval)


def test_what_is_undefined_has_a_reason_and_no_number() -> None:
    one = np.zeros(20, np.int64)
    scores = np.linspace(0, 1, 20)
    rows = compare(
        METRICS["roc_auc"], {}, (one, scores), {"v": (one, scores), "n": Undefined("NaN")}, level=0.95, resamples=9, seed=0
    ).rows
    assert (rows["v"].drop, rows["v"].interval, rows["v"].p_value) == (None, None, None)
    assert rows["v"].reason == "only one class among the labels"


@pytest.mark.parametrize(
    ("metric", "reason"),
    [
        ("average_precision", "more than 1 in 20 resamples had no figure: too few samples"),
        ("roc_auc", "a class has fewer than 2 samples: too few for an interval"),
    ],
)
def test_too_few_samples_of_a_class_leave_no_interval(metric: str, reason: str) -> None:
    labels = np.zeros(40, np.int64)
    labels[0] = 1  # missing from 36 % of the resamples
    scores = np.random.default_rng(0).random(40)
    given = {"v": (labels, scores[::-1])}
    row = compare(METRICS[metric], {}, (labels, scores), given, level=0.95, resamples=300, seed=0).rows["v"]
    assert row.interval is None
    assert row.drop is not None
    assert row.reason == reason


def test_a_single_sample_has_no_interval() -> None:
    one = np.zeros((1, 1))
    row = compare(METRICS["mae"], {}, (one, one), {"v": (one, one + 1)}, level=0.95, resamples=9, seed=0).rows["v"]
    assert (row.interval, row.reason) == (None, "one sample: too few")


CLASSES = np.arange(40) % 4
FOUR = np.eye(4)[CLASSES] * 0.8 + 0.05
CHANGED = FOUR.copy()
CHANGED[[0, 9]] = CHANGED[[0, 9]][:, ::-1]
PROBABILITIES: dict[str, Any] = {"task_type": "classification", "options": {"logits": False}}


def lost(
    name: str, before: np.ndarray, after: np.ndarray, labels: np.ndarray, head: dict[str, Any], level: float | None = 0.95
) -> tuple[float | None, float | None]:
    given: dict[str, Any] = {"output": None, "target": None, "metric": METRICS[name], "metric_options": {}, **head}
    inputs = {"in": np.zeros((len(labels), 2))}
    return paired_comparison.of_candidate(
        {"out": before}, {"out": after}, {"labels": labels}, inputs, level=level, resamples=50, **given
    )


def test_the_drop_on_the_first_samples_and_the_upper_end_of_its_interval() -> None:
    assert lost("accuracy", FOUR, CHANGED, CLASSES, PROBABILITIES) == (0.05, statistics.score_interval(2, 0, 40, level=0.95)[1])
    assert lost("accuracy", FOUR[:5], CHANGED[:5], CLASSES, PROBABILITIES, level=0.9) == (
        0.2,
        statistics.score_interval(1, 0, 5, level=0.9)[1],
    )
    drop, high = lost("accuracy", FOUR, CHANGED, CLASSES, PROBABILITIES, level=None)
    assert drop == pytest.approx(0.05)
    assert high is None


def test_a_larger_error_is_a_drop() -> None:
    assert not METRICS["mae"].higher_is_better
    regression: dict[str, Any] = {"task_type": "regression", "options": {}}
    labels = np.array([0.0, 1.0, 2.0])
    found = [
        lost("mae", labels[:, None], np.array([[0.0], [1.0], [4.0]]), labels, regression, level=level)[0] for level in (0.95, None)
    ]
    assert found == pytest.approx([2 / 3, 2 / 3])


@pytest.mark.parametrize("level", [0.95, None])
def test_what_is_undefined_is_none(level: float | None) -> None:
    broken = CHANGED.copy()
    broken[1, 1] = np.nan
    assert lost("accuracy", FOUR, broken, CLASSES, PROBABILITIES, level=level) == (None, None)


def test_an_output_that_is_not_there_is_an_error() -> None:
    with pytest.raises(UserError, match=r"task\.heads: output"):
        lost("accuracy", FOUR, CHANGED, CLASSES, {**PROBABILITIES, "output": "scores"})
