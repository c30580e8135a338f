import csv
import io

from pipeline.comparison import csv_table
from tests.comparison.test_summary import row
from tests.made_experiments import figures


def test_full_names_and_full_precision() -> None:
    exact = 0.1 + 0.2
    found = [
        row("a,b", {"calibrate.samples": 50, "n": 1}, figures=figures(drop=exact), latency_ms=0.1, shipped=True),
        row("c", {"calibrate.samples": 100, "n": 2}, figures={**figures(sqnr_db=None), "extra": 1}),
        row("d", {"n": 2}, figures={"bytes": None, "verified": False}),
    ]
    read = list(csv.DictReader(io.StringIO(csv_table.text(found))))
    assert [line["experiment"] for line in read] == ["a,b", "c", "d"]
    assert [line["calibrate.samples"] for line in read] == ["50", "100", ""]
    # `n` is a figure as well.
    assert [(line["params.yaml:n"], line["n"]) for line in read] == [("1", "450"), ("2", "450"), ("2", "")]
    assert float(read[0]["drop"]) == exact
    assert [line["latency_median_ms"] for line in read] == ["0.1", "", ""]
    assert [line["sqnr_db"] for line in read] == ["40.0", "", ""]
    assert [line["verified"] for line in read] == ["true", "true", "false"]
    assert [line["shipped"] for line in read] == ["true", "false", "false"]
    assert [line["extra"] for line in read] == ["", "1", ""]
    assert read[0]["commit"] == "c-a,b"
