import pytest
from msgspec.structs import replace

from pipeline.micro.simulation_report import Difference, Output
from pipeline.selection import summary_row
from tests import records

VERIFIED = records.verified(
    outputs={
        "a": records.figures(sqnr_db=30.0, max_abs_error=0.1, agreement=None),
        "b": records.figures(sqnr_db=None, max_abs_error=0.3, agreement=0.9),
    }
)
MEASURED = records.variant(
    {"f1": 0.8, "roc_auc": None}, drop=0.01, interval=(-0.01, 0.03), simultaneous=(-0.02, 0.04), p_value=0.5, p_holm=1.0
)
ACCURACY = records.accuracy({"f1": 0.81, "roc_auc": None}, {"v": MEASURED})


def test_fidelity_is_that_of_the_worst_output() -> None:
    row = summary_row.row(records.accuracy(None, n=5), VERIFIED, bytes=7)
    assert row == {"verified": True, "bytes": 7, "n": 5, "sqnr_db": 30.0, "max_abs_error": 0.3, "agreement": 0.9, "drop": None}


def test_every_metric_under_its_own_name() -> None:
    row = summary_row.row(ACCURACY, VERIFIED, bytes=7)
    assert (row["f1"], row["roc_auc"], row["baseline"], row["drop"]) == (0.8, None, 0.81, 0.01)
    assert (row["drop_low"], row["drop_high"], row["p_value"], row["p_holm"]) == (-0.01, 0.03, 0.5, 1.0)
    unknown = replace(ACCURACY, variants={"v": replace(MEASURED, interval=None)})
    assert summary_row.row(unknown, VERIFIED, bytes=7)["drop_high"] is None


def test_what_a_target_said_stands_beside_the_rest() -> None:
    ends = {
        "a": Output(unit="steps", judged=Difference(largest=3.0, equal=0.9), kernels=Difference(largest=0.0, equal=1.0)),
        "b": Output(unit="values", judged=Difference(largest=8.0, equal=0.9), kernels=Difference(largest=0.0, equal=1.0)),
    }
    row = summary_row.row(ACCURACY, VERIFIED, bytes=7, simulated=records.simulation(outputs=ends))
    assert (row["on_target"], row["target_steps"]) == (True, 3.0)
    assert (row["arena_bytes"], row["arena_persistent_bytes"]) == (6384, 3312)
    refused = summary_row.row(ACCURACY, VERIFIED, bytes=7, simulated=records.simulation(passed=False, reason="no", arena=None))
    assert [refused[name] for name in ("on_target", "target_steps", "arena_bytes")] == [False, None, None]


def test_what_was_not_run_has_the_keys_of_the_others_and_no_figure() -> None:
    failed = replace(ACCURACY, failures={"v": records.failure()}, variants={})
    row = summary_row.row(failed, replace(VERIFIED, passed=False, outputs={}), bytes=None)
    assert list(row) == list(summary_row.row(ACCURACY, VERIFIED, bytes=7))
    assert {name: value for name, value in row.items() if value is not None} == {"verified": False, "n": 99, "baseline": 0.81}


@pytest.mark.parametrize(("which", "value"), [("estimate", 0.01), ("upper", 0.03), ("simultaneous", 0.04)])
def test_what_is_compared_with_the_budget(which: str, value: float) -> None:
    assert summary_row.bound(MEASURED, which) == value
