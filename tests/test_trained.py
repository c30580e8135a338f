"""Trained networks, from their files to what ships: each ends in a report, and what is refused is refused for a fault."""

from pathlib import Path

import pytest

from pipeline import files
from tests.trained import markdown, outcome, planted, projects
from tests.trained.__main__ import faulty, judged
from tests.trained.network import Network
from tests.trained.table import NETWORKS

pytestmark = [
    pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    # Of TFLiteConverter's own calibration.
    pytest.mark.filterwarnings(r"ignore:\s*Warning. tf.lite.Interpreter is deprecated:UserWarning"),
]

EACH = [pytest.param(name, marks=[] if row.quick else [pytest.mark.slow]) for name, row in NETWORKS.items()]


@pytest.mark.parametrize("name", EACH)
def test_ends_in_a_report_and_only_faults_are_refused(tmp_path: Path, name: str) -> None:
    """Training is not the same to the last bit everywhere, so that what lies near the budget may be on either side of it here."""
    found, said = judged(name, tmp_path, here=True)
    assert found is not None, said
    assert found.selected is not None
    assert not outcome.accused(NETWORKS[name], found)
    for row in faulty(name, found, tmp_path):
        if row.missed(planted.VARIANT):
            assert row.fault not in planted.GROSS
            # What noise within its limit costs too much, the budget refuses.
            assert found.metric is None or planted.VARIANT in row.found.refused()


def test_at_least_twelve_networks_of_all_kinds() -> None:
    assert len(NETWORKS) >= 12
    assert {str(row.task) for row in NETWORKS.values() if isinstance(row.task, str)} >= {
        *("classification", "binary", "regression", "segmentation", "anomaly")
    }
    assert {Path(row.file).suffix for row in NETWORKS.values()} == {".keras", ".h5", ""}


def found(selected: str | None, **reasons: str) -> outcome.Outcome:
    """An outcome of variants with these reasons."""
    rows = {
        name: {"bytes": 1000, "drop": 0.0, "sqnr_db": 40.0, "verified": True, "accuracy": 0.9} for name in ("float32", *reasons)
    }
    told = {"float32": "qualifies, but has more bytes", **reasons}
    return outcome.Outcome(n=50, selected=selected, variants=rows, reasons=told, metric="accuracy", max_drop=0.01)


def network(**expected: object) -> Network:
    return Network(name="net", what="a network", train=lambda file: {}, **expected)  # type: ignore[arg-type]


def test_an_outcome_that_is_not_expected_is_told() -> None:
    sound = found("int8", int8="fewest bytes of the 2 that qualify")
    assert outcome.unexpected(network(ships="int8"), sound) == []
    assert outcome.unexpected(network(ships="float32"), sound) == ["ships int8, expected float32"]
    refused = found("float32", int8="not verified (finite)")
    told = ["int8 is refused: not verified (finite)"]
    assert outcome.unexpected(network(ships="float32"), refused) == told
    assert outcome.unexpected(network(ships="float32", refused={"int8": "finite"}), refused) == []
    assert outcome.unexpected(network(ships="float32", refused={"int8": "DIV"}), refused) == [
        "int8 is refused: not verified (finite)"
    ]
    fine = found("float32", int8="qualifies, but has more bytes")
    assert outcome.unexpected(network(ships="float32", refused={"int8": "DIV"}), fine) == ["int8 qualifies, expected: DIV"]


def test_a_verdict_that_is_not_expected_is_an_accusation_and_a_budget_is_none() -> None:
    refused = found("float32", int8="not verified (finite)", int16x8="the drop, 2.0 points, is over the budget of 1.0 points")
    assert outcome.accused(network(ships="float32"), refused) == ["int8 is refused: not verified (finite)"]
    assert outcome.accused(network(ships="float32", refused={"int8": "finite"}), refused) == []


def test_a_network_without_a_report_stands_in_the_table() -> None:
    rows = {"net": (network(ships="int8"), None, "error: model.path: no such file")}
    assert "| net: a network | – | – | **no report** |" in markdown.shipped(rows)
    assert "error: model.path: no such file" in markdown.shipped(rows)


def test_a_fault_that_does_harm_and_passes_is_marked() -> None:
    worse = found("int8", int8="fewest bytes of the 2 that qualify")
    worse.variants["int8"]["drop"] = 0.05  # type: ignore[index]
    sound = found("int8", int8="fewest bytes of the 2 that qualify")
    assert planted.harmful(worse, sound)
    assert not planted.harmful(sound, sound)
    row = markdown.Planted(network="net", fault="ranges × 0.7", found=worse, harmful=True)
    assert row.missed("int8")
    assert "**missed**" in markdown.planted([row], variant="int8")


def test_misses_and_false_alarms_are_counted_by_fault() -> None:
    rows = []
    for harmful, verified in ((True, True), (True, False), (False, True), (False, False), (False, False)):
        outcome = found("int8", int8="fewest bytes of the 2 that qualify")
        outcome.variants["int8"]["verified"] = verified  # type: ignore[index]
        rows.append(markdown.Planted(network="net", fault="ranges × 0.7", found=outcome, harmful=harmful))
    assert "| ranges × 0.7 | 5 | 2 | 1 | 3 | 2 |" in markdown.seen(rows, variant="int8")


def test_a_trained_network_is_made_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(projects, "CACHE", tmp_path)
    trained = []

    def train(file: Path) -> dict:
        trained.append(file)
        files.write_text(file, "a network")
        return {}

    row = Network(name="net", what="a network", train=train, ships="int8")
    assert projects.trained(row) == projects.trained(row)
    assert len(trained) == 1
