from typing import Any

import numpy as np
import pytest

from pipeline.evaluation import tasks
from pipeline.evaluation.accuracy_report import Details, Flip
from pipeline.evaluation.metric_type import Metric, Undefined
from pipeline.evaluation.registry import METRICS

LABELS = np.array([0, 1, 2, 1])
BEFORE = np.eye(3)[[0, 1, 2, 2]]
AFTER = np.eye(3)[[0, 2, 2, 1]]
CHOSEN: dict[str, tuple[Metric, dict[str, Any]]] = {
    "accuracy": (METRICS["accuracy"], {}),
    "balanced_accuracy": (METRICS["balanced_accuracy"], {}),
}


def test_every_kind_has_metrics_and_every_metric_a_kind() -> None:
    fitting = {task_type for metric in METRICS.values() for task_type in metric.task_types or ()}
    assert fitting == set(tasks.TASK_TYPES)


def test_an_undefined_figure_is_none_with_its_reason() -> None:
    zeros = np.zeros(4, np.int64)
    measured = tasks.measure(CHOSEN, (zeros, BEFORE))
    assert measured == {
        "metrics": {"accuracy": 0.25, "balanced_accuracy": None},
        "undefined": {"balanced_accuracy": "only one class among the labels"},
    }


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_outputs_that_are_not_finite_make_every_figure_undefined(value: float) -> None:
    output = BEFORE.copy()
    output[2, 1] = value
    evidence = tasks.finite(tasks.TASK_TYPES["classification"].read, LABELS, output, logits=True)
    assert isinstance(evidence, Undefined)
    assert set(tasks.measure(CHOSEN, evidence)["undefined"].values()) == {"NaN or infinity in the outputs"}


def test_a_user_s_metric_that_gives_no_number_is_undefined() -> None:
    broken: dict[str, tuple[Metric, dict[str, Any]]] = {"mine": (Metric(lambda labels, scores: float("nan")), {})}
    assert tasks.measure(broken, (LABELS, BEFORE)) == {"metrics": {"mine": None}, "undefined": {"mine": "the metric gave nan"}}


def test_changed_predictions() -> None:
    found = tasks.breakdown("classification", CHOSEN, (LABELS, BEFORE), {"v": (LABELS, AFTER), "n": Undefined("NaN")})
    assert found.variants["v"].flips == [
        Flip(sample=1, label=1, before=1, after=2),
        Flip(sample=3, label=1, before=2, after=1),
    ]
    assert found.variants["n"] == Details()
    assert found.n == 4


def test_a_task_without_decisions_has_no_flips() -> None:
    values = np.arange(4.0)[:, None]
    found = tasks.breakdown("regression", {"mae": (METRICS["mae"], {})}, (values, values), {"v": (values, values + 1)})
    assert found.variants["v"].flips is None
    assert (found.variants["v"].per_value or {})["bias"] == [1.0]


def test_the_evidence_of_sets_is_taken_together() -> None:
    labels, scores = tasks.joined([(LABELS[:1], BEFORE[:1]), (LABELS[1:], BEFORE[1:])])  # type: ignore[misc]
    np.testing.assert_array_equal(labels, LABELS)
    np.testing.assert_array_equal(scores, BEFORE)
    assert str(tasks.joined([(LABELS, BEFORE), Undefined("NaN")])) == "NaN"
