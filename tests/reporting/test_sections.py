import numpy as np
from msgspec.structs import replace

from pipeline.evaluation.accuracy_report import Accuracy, Details, Flip, Head
from pipeline.reporting import sections
from tests import records

SPLIT = records.split(evaluation=[f"s{i}" for i in range(40)])


def accuracy(flips: list[Flip], before: list[list[int]], after: list[list[int]]) -> Accuracy:
    head = Head(
        task_type="classification",
        n=40,
        original=Details(confusion=before, per_class={"recall": [1.0, None], "support": [3, 0]}),
        variants={"v": Details(confusion=after, flips=flips, per_class={"recall": [0.5, None], "support": [3, 0]})},
    )
    return records.accuracy({"accuracy": 1.0}, heads={"main": head})


FLIPS = [Flip(sample=3, label=0, before=0, after=1), Flip(sample=5, label=1, before=0, after=1)]


def test_changed_predictions_and_what_that_did() -> None:
    given = accuracy(FLIPS, [[3, 0], [1, 2]], [[2, 1], [0, 3]])
    images = {"image": np.arange(40.0 * 16).reshape(40, 4, 4, 1)}
    names = {"main": sections.class_names(given.heads["main"], ["cat", "dog"])}
    (row,) = sections.changes(given, SPLIT, images, names=names)
    assert (row["flips"], row["lost"], row["won"]) == (2, 1, 1)
    assert row["difference"] == [[-1, 1], [-1, 1]]
    assert [(shown["id"], shown["label"], shown["before"], shown["after"]) for shown in row["shown"]] == [
        ("s3", "cat", "cat", "dog"),
        ("s5", "dog", "cat", "dog"),
    ]
    assert all(shown["image"].startswith("data:image/png") for shown in row["shown"])


def test_samples_that_are_no_pictures_are_listed_without_one() -> None:
    given = accuracy(FLIPS, [[3, 0], [1, 2]], [[2, 1], [0, 3]])
    (row,) = sections.changes(given, SPLIT, {"row": np.zeros((40, 7))}, names={"main": None})
    assert [shown["image"] for shown in row["shown"]] == [None, None]
    assert row["shown"][0]["label"] == "0"


def test_only_the_first_are_shown_and_nothing_changed_is_no_difference() -> None:
    many = [Flip(sample=i, label=0, before=0, after=1) for i in range(40)]
    (row,) = sections.changes(accuracy(many, [[1]], [[1]]), SPLIT, {}, names={"main": None})
    assert len(row["shown"]) == sections.SHOWN
    (none,) = sections.changes(accuracy([], [[1]], [[1]]), SPLIT, {}, names={"main": None})
    assert none["difference"] is None


def test_names_are_numbers_when_the_data_s_do_not_fit() -> None:
    head = Head(task_type="binary", n=2, original=Details(confusion=[[1, 0], [0, 1]]), variants={})
    assert sections.class_names(head, ["a", "b", "c"]) == ["0", "1"]
    many = replace(head, original=Details(per_class={"support": [1, 2, 3]}))
    assert sections.class_names(many, ["a", "b", "c"]) == ["a", "b", "c"]
    assert sections.class_names(replace(head, original=Details()), ["a"]) is None


def test_figures_by_class_side_by_side() -> None:
    (table,) = sections.per_class(accuracy([], [[1]], [[1]]), "v", names={"main": ["a", "b"]})
    assert table["rows"][0] == {"name": "a", "support": 3, "values": [(1.0, 0.5)]}
    assert table["rows"][1]["values"] == [(None, None)]


def test_bars_are_shares_of_the_slowest() -> None:
    rows = sections.costs(
        {
            "a": records.benchmark(latency_median_ms=1.0, latency_p95_ms=2.0),
            "b": records.benchmark(latency_median_ms=3.0, latency_p95_ms=4.0),
        }
    )
    assert [(row["median_width"], row["p95_width"]) for row in rows] == [(25.0, 50.0), (75.0, 100.0)]


def test_divergence_worst_first_or_absent() -> None:
    rows = records.diverging("A", layers=("x",), sqnr_db=40.0), records.diverging("B", sqnr_db=10.0)
    verified = {"followed": records.verified(divergence=records.divergence(*rows)), "not followed": records.verified()}
    tables = sections.diverging(verified)
    assert [table["variant"] for table in tables] == ["followed"]
    assert [(row["operator"], row["width"]) for row in tables[0]["rows"]] == [("B", 25.0), ("A", 100.0)]
