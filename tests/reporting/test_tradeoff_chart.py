import xml.etree.ElementTree as ET
from typing import Any

import pytest

from pipeline.reporting import tradeoff_chart
from tests import records

ROWS: dict[str, Any] = {
    "float32": {"bytes": 4000, "accuracy": 0.98, "drop": 0.0, "drop_low": -0.01, "drop_high": 0.01, "verified": True},
    "int8": {"bytes": 1000, "accuracy": 0.97, "drop": 0.01, "drop_low": 0.0, "drop_high": 0.02, "verified": False},
    "int4": {"bytes": 600, "accuracy": None, "drop": None, "drop_low": None, "drop_high": None, "verified": False},
}
ACCURACY = records.accuracy({"accuracy": 0.98})
DECISION = records.decision("float32")


def words(svg: str) -> str:
    return " ".join(ET.fromstring(svg).itertext())


@pytest.mark.parametrize("width", ["wide", "narrow"])
def test_the_same_figures_give_the_same_bytes(width: str) -> None:
    (one, _), (two, _) = (tradeoff_chart.tradeoff(ROWS, ACCURACY, DECISION) for _ in range(2))
    assert one[width] == two[width]
    text = words(one[width])
    assert "float32" in text
    assert "int8" in text
    assert "int4" not in text  # has no figure
    assert "98.00 %" in text
    assert "budget" in text


def test_what_it_shows_is_also_said_in_words() -> None:
    said = tradeoff_chart.tradeoff(ROWS, ACCURACY, DECISION)[1]
    assert (
        said
        == "accuracy against bytes. Original: 0.98. float32: 4,000 bytes, accuracy 0.98; int8: 1,000 bytes, accuracy 0.97. "
        + ("Pareto front: int8, float32.")
    )


def test_two_charts_of_a_page_share_no_identifier() -> None:
    drawn, _ = tradeoff_chart.tradeoff(ROWS, ACCURACY, DECISION)
    ids = [{node.attrib["id"] for node in ET.fromstring(svg).iter() if "id" in node.attrib} for svg in drawn.values()]
    assert ids[0]
    assert not ids[0] & ids[1]
    for svg, known in zip(drawn.values(), ids, strict=True):
        used = [
            node.attrib[key].removeprefix("#") for node in ET.fromstring(svg).iter() for key in node.attrib if key.endswith("href")
        ]
        assert set(used) <= known


def test_without_a_figure_of_the_original_there_is_no_chart() -> None:
    assert tradeoff_chart.tradeoff(ROWS, records.accuracy(None), DECISION) == ({}, "")
    undefined = records.accuracy({"accuracy": None})
    assert tradeoff_chart.tradeoff(ROWS, undefined, DECISION) == ({}, "")


def test_less_is_better_turns_the_axis_round() -> None:
    rows = {name: {**row, "rmse": row["accuracy"]} for name, row in ROWS.items()}
    accuracy = records.accuracy({"rmse": 0.9}, points=False, higher_is_better=False)
    drawn, said = tradeoff_chart.tradeoff(rows, accuracy, DECISION)
    assert "rmse (lower is better)" in words(drawn["wide"])
    assert said.endswith("Pareto front: int8.")  # smaller and with the smaller error


def test_labels_stand_apart_from_each_other() -> None:
    """Six variants of nearly the same size and figure: no two labels at the same height and place."""
    rows = {f"variant_{i}": {**ROWS["float32"], "bytes": 4000 + i} for i in range(6)} | {
        "large": {**ROWS["float32"], "bytes": 9000}
    }
    drawn, _ = tradeoff_chart.tradeoff(rows, ACCURACY, records.decision("variant_0"))
    spots = []
    for node in ET.fromstring(drawn["wide"]).iter("{http://www.w3.org/2000/svg}text"):
        if (node.text or "").startswith("variant_"):
            width = -45 if "text-anchor: end" in node.attrib["style"] else 0
            spots.append((float(node.attrib["x"]) + width, float(node.attrib["y"])))
    assert len(spots) == 6
    assert all(abs(a[1] - b[1]) > 8 or abs(a[0] - b[0]) > 40 for i, a in enumerate(spots) for b in spots[:i])
