import json
from typing import Any

from sklearn.metrics import confusion_matrix

from pipeline.reporting import dvc_plots
from tests import records

ROWS: dict[str, Any] = {"a": {"bytes": 2500, "f1": 0.9, "drop": 0.1, "drop_low": 0.0, "drop_high": 0.2, "sqnr_db": 30.0}}


def test_a_point_for_each_variant() -> None:
    assert dvc_plots.tradeoff(ROWS, "f1", {}) == [
        {
            "variant": "a",
            "kilobytes": 2.5,
            "value": 0.9,
            "drop": 0.1,
            "drop_low": 0.0,
            "drop_high": 0.2,
            "sqnr_db": 30.0,
            "failed": None,
        }
    ]
    assert dvc_plots.tradeoff({"a": {"bytes": 1, "drop": None, "sqnr_db": None}}, None, {})[0]["value"] is None


def test_a_variant_that_could_not_be_built_has_a_row_with_the_reason() -> None:
    failure = records.failure(variant="b")
    rows = {**ROWS, "b": {"bytes": None, "f1": None, "drop": None, "drop_low": None, "drop_high": None, "sqnr_db": None}}
    found = dvc_plots.tradeoff(rows, "f1", {"b": failure})[1]
    assert found["failed"] == failure.sentence()
    assert (found["variant"], found["kilobytes"], found["value"]) == ("b", None, None)


def test_a_line_for_each_sample_of_the_confusion_matrix() -> None:
    text = dvc_plots.confusion([[2, 1], [0, 3]], ["no, never", "yes"])
    lines = [line.replace('"no, never"', "no").split(",") for line in text.splitlines()]
    assert lines[0] == ["actual", "predicted"]
    actual, predicted = zip(*lines[1:], strict=True)
    assert confusion_matrix(actual, predicted).tolist() == [[2, 1], [0, 3]]
    assert dvc_plots.confusion([], []) == "actual,predicted\n"


def test_all_tables_stand_there_also_when_they_are_empty() -> None:
    milliseconds = {"latency_median_ms": 1.0, "latency_p95_ms": 2.0, "latency_first_ms": 3.0}
    costs = {"a": records.benchmark(**milliseconds)}
    tables = dvc_plots.tables(ROWS, costs, {"a": records.verified()}, records.accuracy(None), records.decision(None), {})
    assert set(tables) == {"tradeoff.json", "latency.json", "divergence.json", "confusion.csv"}
    assert json.loads(tables["latency.json"]) == [{"variant": "a", **milliseconds}]
    assert json.loads(tables["divergence.json"]) == []


def test_divergence_by_operator() -> None:
    followed = records.divergence(records.diverging("CONV_2D", layers=("c",), sqnr_db=40.0))
    verified = {"a": records.verified(divergence=followed), "b": records.verified()}
    assert dvc_plots.divergence(verified) == [{"variant": "a", "operator": "000 CONV_2D", "sqnr_db": 40.0}]
