from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import pytest

from pipeline.errors import UserError
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


N = 300
CLASSES = np.arange(N) % 10
IMAGE = {"x": np.zeros((N, 4, 4, 1), np.float32)}


def fitted(task_type: str, labels: np.ndarray, shape: list[int | None] | None, **options: Any) -> None:
    given: dict[str, Any] = {"options": options, "output": None, "target": None}
    tasks.fit(task_type, {"labels": labels}, {"y": shape}, IMAGE, **given)


@pytest.mark.parametrize(
    ("task_type", "labels", "shape", "options"),
    [
        ("classification", CLASSES, [1, 10], {"logits": False}),
        ("classification", CLASSES, [None, 10], {"logits": True}),
        ("binary", CLASSES % 2, [1, 1], {"logits": True}),
        ("multilabel", np.eye(10, dtype=np.int64)[CLASSES], [1, 10], {"logits": True}),
        ("regression", np.linspace(0, 1, N), [1, 1], {}),
        ("segmentation", np.zeros((N, 4, 4), np.int64), [1, 4, 4, 2], {"ignore": None}),
        ("anomaly", CLASSES % 2, [1, 4, 4, 1], {"error": "mean_squared", "reconstructs": None}),
        # What is free is not known yet.
        ("segmentation", np.zeros((N, 4, 4), np.int64), [1, None, None, 2], {"ignore": None}),
        ("classification", CLASSES, None, {"logits": False}),
    ],
)
def test_what_fits_passes(task_type: str, labels: np.ndarray, shape: list[int | None] | None, options: dict[str, Any]) -> None:
    fitted(task_type, labels, shape, **options)


LATE = np.where(np.arange(N) == 250, 10, CLASSES)


@pytest.mark.parametrize(
    ("task_type", "labels", "shape", "options", "message"),
    [
        ("classification", CLASSES, [1, 4, 4, 3], {"logits": False}, r"classification: wants an output \[n, classes\]"),
        ("classification", CLASSES.astype(np.float64), [1, 10], {"logits": False}, "wants integer labels .* the data has float64"),
        ("classification", LATE, [1, 10], {"logits": False}, "label 10 has no score"),
        ("classification", LATE - 1, [1, 10], {"logits": False}, "label -1 has no score"),
        ("binary", CLASSES, [1, 1], {"logits": True}, "binary"),
        ("multilabel", CLASSES % 2, [1, 10], {"logits": True}, r"multilabel: labels are"),
        ("regression", np.linspace(0, 1, N), [1, 3], {}, r"regression: labels are"),
        ("segmentation", np.zeros((N, 8, 8), np.int64), [1, 4, 4, 2], {"ignore": None}, "segmentation: labels are"),
        ("anomaly", CLASSES % 2, [1, 4, 4, 3], {"error": "mean_squared", "reconstructs": None}, "a reconstruction has its shape"),
    ],
)
def test_what_does_not_fit_is_said(
    task_type: str, labels: np.ndarray, shape: list[int | None], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        fitted(task_type, labels, shape, **options)


def test_names_of_outputs_and_labels() -> None:
    given: dict[str, Any] = {"options": {"logits": False}}
    two: dict[str, Any] = {"a": [1, 10], "b": [1, None]}
    with pytest.raises(UserError, match=r"task\.heads: output: there are several; name one of a, b"):
        tasks.fit("classification", {"labels": CLASSES}, two, IMAGE, output=None, target=None, **given)
    with pytest.raises(UserError, match=r"task\.heads: output: unknown 'c'; allowed: a, b"):
        tasks.fit("classification", {"labels": CLASSES}, two, IMAGE, output="c", target=None, **given)
    with pytest.raises(UserError, match=r"task\.heads: labels: unknown 'kind'; allowed: labels"):
        tasks.fit("classification", {"labels": CLASSES}, two, IMAGE, output="a", target="kind", **given)


# --- read shard by shard

N = 37
RNG = np.random.default_rng(3)


def _probabilities(*shape: int) -> np.ndarray:
    return RNG.dirichlet(np.ones(shape[-1]), shape[:-1]).astype(np.float32)


# Task, options, labels, output.
CASES: list[tuple[str, dict[str, Any], np.ndarray, np.ndarray]] = [
    ("classification", {"logits": False}, RNG.integers(0, 10, N), _probabilities(N, 10)),
    ("classification", {"logits": True}, RNG.integers(0, 10, (N, 1)), RNG.normal(size=(N, 10)).astype(np.float32)),
    ("binary", {"logits": False}, RNG.integers(0, 2, N), _probabilities(N, 2)),
    ("binary", {"logits": True}, RNG.integers(0, 2, (N, 1)), RNG.normal(size=(N, 2)).astype(np.float32)),
    ("multilabel", {"logits": True}, RNG.integers(0, 2, (N, 5)), RNG.normal(size=(N, 5)).astype(np.float32)),
    ("regression", {}, RNG.normal(size=(N, 3)), RNG.normal(size=(N, 3, 1)).astype(np.float32)),
    ("segmentation", {"ignore": 255}, RNG.integers(0, 4, (N, 6, 5, 1)), _probabilities(N, 6, 5, 4)),
    (
        "anomaly",
        {"error": "mean_squared", "reconstructs": "x"},
        RNG.integers(0, 2, N),
        RNG.normal(size=(N, 9, 7)).astype(np.float32),
    ),
]
INPUTS = {"x": RNG.normal(size=(N, 9, 7)).astype(np.float32), "unread": np.zeros((N, 2), np.float32)}


def _cut(length: int, seen: list[Any]) -> Callable[..., Iterator[tuple[slice, Any]]]:
    def over(function: Callable[..., Any], arrays: Mapping[Any, np.ndarray]) -> Iterator[tuple[slice, Any]]:
        seen.append(sorted(arrays))
        for start in range(0, N, length):
            rows = slice(start, min(start + length, N))
            yield rows, function({key: np.array(array[rows]) for key, array in arrays.items()})

    return over


@pytest.mark.parametrize("length", [1, 7, 36, 37])
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0]}-{case[1].get('logits')}")
def test_evidence_of_shards_is_the_evidence_of_all_to_the_byte(case: Any, length: int) -> None:
    task_type, options, labels, output = case
    arguments: Any = (task_type, {"truth": labels}, {"out": output, "other": output}, INPUTS)
    head: Any = {"options": options, "output": "out", "target": None}
    expected, seen = tasks.evidence(*arguments, **head), []  # type: ignore[var-annotated]
    found = tasks.evidence_by_shards(_cut(length, seen), *arguments, **head)
    assert not isinstance(expected, Undefined)
    assert not isinstance(found, Undefined)
    for one, other in zip(expected, found, strict=True):
        assert (one.dtype, one.shape) == (other.dtype, other.shape)
        assert one.tobytes() == other.tobytes()
    # Nothing travels that is not read.
    inputs = [("inputs", "x")] if task_type == "anomaly" else []
    assert seen == [[*inputs, ("labels", "truth"), ("outputs", "out")]]


def test_the_enrolled_cases_are_all_task_types() -> None:
    assert {case[0] for case in CASES} == set(tasks.TASK_TYPES)


def test_one_shard_without_evidence_leaves_none_and_ends_the_reading() -> None:
    output = CASES[0][3].copy()
    output[3] = np.nan
    read: list[slice] = []

    def over(*given: Any) -> Iterator[tuple[slice, Any]]:
        for rows, part in _cut(5, [])(*given):
            read.append(rows)
            yield rows, part

    head: Any = {"options": {"logits": False}, "output": None, "target": None}
    found = tasks.evidence_by_shards(over, "classification", {"truth": CASES[0][2]}, {"out": output}, {}, **head)
    assert isinstance(found, Undefined)
    assert str(found) == "NaN or infinity in the outputs"
    assert read == [slice(0, 5)]


def test_names_that_are_not_there_are_refused_before_anything_is_sent() -> None:
    head: Any = {"options": {"logits": False}, "output": "none", "target": None}
    with pytest.raises(UserError, match=r"task\.heads: output: unknown 'none'; allowed: out"):
        tasks.evidence_by_shards(_cut(5, []), "classification", {"truth": CASES[0][2]}, {"out": CASES[0][3]}, {}, **head)
