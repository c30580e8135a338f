"""What outputs decide, against decisions made by hand and by scikit-learn's conventions."""

import numpy as np
import pytest

from pipeline.evaluation import tasks
from pipeline.verification import decisions
from pipeline.verification.decisions import Decision, changes

LARGEST = Decision(kind="largest")
FIFTH = Decision(kind="threshold", threshold=0.2, logits=True, pair=True)


def test_every_task_type_says_how_it_decides() -> None:
    assert set(decisions.KNOWN) == set(tasks.TASK_TYPES)
    with pytest.raises(ValueError, match="no decision is known for task type 'ranking'"):
        decisions.of_head("ranking", {}, {})


@pytest.mark.parametrize(
    ("task_type", "options", "metrics", "expected"),
    [
        ("classification", {"logits": True}, {"accuracy": {}}, LARGEST),
        ("segmentation", {"ignore": None}, {"mean_iou": {}}, LARGEST),
        ("regression", {}, {"rmse": {}}, None),
        ("anomaly", {"error": "mean_squared"}, {"roc_auc": {}}, None),
        ("binary", {"logits": False}, {"roc_auc": {}}, Decision(kind="threshold", pair=True)),
        ("binary", {"logits": True}, {"roc_auc": {}, "f1": {"threshold": 0.2}}, FIFTH),
        ("multilabel", {"logits": False}, {"f1": {"threshold": 0.7}}, Decision(kind="threshold", threshold=0.7)),
    ],
)  # fmt: skip
def test_of_head(task_type: str, options: dict[str, object], metrics: dict[str, dict[str, float]], expected: object) -> None:
    assert decisions.of_head(task_type, options, metrics) == expected


def test_classes_by_hand() -> None:
    reference = np.array([[0.7, 0.2, 0.1], [0.4, 0.35, 0.25], [0.1, 0.1, 0.8]])
    predicted = np.array([[0.6, 0.3, 0.1], [0.3, 0.45, 0.25], [0.5, 0.1, 0.4]])
    found = changes(reference, predicted, LARGEST)
    assert found.decisions == 3
    assert found.samples.tolist() == [1, 2]
    assert found.margins == pytest.approx([0.05, 0.7])
    assert found.agreement == pytest.approx(1 / 3)


def test_each_pixel_decides() -> None:
    reference = np.zeros((2, 2, 2, 3))
    reference[..., 0] = 1.0
    predicted = reference.copy()
    predicted[1, 0, 1] = [0.0, 0.0, 2.0]
    found = changes(reference, predicted, LARGEST)
    assert (found.decisions, found.samples.tolist(), found.margins.tolist()) == (8, [1], [1.0])


def test_one_value_is_no_choice() -> None:
    assert changes(np.zeros((3, 1)), np.ones((3, 1)), LARGEST).agreement is None
    assert changes(np.zeros(3), np.ones(3), LARGEST).agreement is None


def test_thresholds_of_probabilities_logits_and_pairs() -> None:
    reference, predicted = np.array([[0.6], [0.4], [0.9]]), np.array([[0.4], [0.3], [0.95]])
    found = changes(reference, predicted, Decision(kind="threshold", pair=True))
    assert found.samples.tolist() == [0]
    assert found.margins == pytest.approx([0.1])
    # Odds of 1 to 3 are a probability of a quarter.
    logits = Decision(kind="threshold", threshold=0.25, logits=True)
    found = changes(np.log(np.array([[1 / 2], [1 / 4]])), np.log(np.array([[1 / 4], [1 / 5]])), logits)
    assert found.samples.tolist() == [0]
    assert found.margins == pytest.approx([np.log(3 / 2)])
    pair = Decision(kind="threshold", logits=True, pair=True)
    found = changes(np.array([[1.0, 2.0], [0.0, 0.5]]), np.array([[1.0, 0.5], [0.0, 0.4]]), pair)
    assert (found.decisions, found.samples.tolist(), found.margins.tolist()) == (2, [0], [1.0])


def test_every_label_decides() -> None:
    reference, predicted = np.array([[0.9, 0.1, 0.6]]), np.array([[0.2, 0.7, 0.55]])
    found = changes(reference, predicted, Decision(kind="threshold"))
    assert (found.decisions, found.samples.tolist()) == (3, [0, 0])
