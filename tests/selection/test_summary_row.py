from collections.abc import Mapping

import pytest
from msgspec.structs import replace

from pipeline.evaluation import statistics
from pipeline.evaluation.accuracy_report import Accuracy
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


def test_the_primary_metric_under_its_own_name_and_no_other() -> None:
    row = summary_row.row(ACCURACY, VERIFIED, bytes=7)
    assert (row["f1"], row["baseline"], row["drop"]) == (0.8, 0.81, 0.01)
    assert (row["drop_low"], row["drop_high"], row["p_value"]) == (-0.01, 0.03, 0.5)
    assert "roc_auc" not in row
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


def test_the_samples_needed_are_those_with_which_the_same_changes_keep_the_budget() -> None:
    unlike = {"still": (0, 0), "one": (1, 0), "both": (2, 2), "over": (9, 0)}  # lost and won of 450
    for which in ("upper", "simultaneous"):
        found = {name: summary_row.needed(_counted(unlike, n=450), name, which, budget=0.01) for name in unlike}
        needed = {name: enough for name, enough in found.items() if enough is not None}
        assert list(needed) == ["still", "one", "both"]
        for name, enough in needed.items():
            for n, kept in ((enough, True), (0.95 * enough, False)):
                grown = {one: (lost * n / 450, won * n / 450) for one, (lost, won) in unlike.items()}
                high = summary_row.bound(_counted(grown, n=n).variants[name], which)
                assert high is not None
                assert (high <= 0.01) is kept
    assert summary_row.needed(_counted(unlike, n=450), "one", "estimate", budget=0.001) is None


def _counted(changes: Mapping[str, tuple[float, float]], *, n: float) -> Accuracy:
    """Rows of samples that changed sides, which need not be whole numbers."""

    def interval(changed: tuple[float, float], level: float) -> tuple[float, float]:
        return statistics.score_interval(*changed, n, level=level)

    rows = {
        name: records.variant(
            {"f1": 0.8},
            drop=(changed[0] - changed[1]) / n,
            lost=changed[0],
            won=changed[1],
            interval=interval(changed, 0.95),
            simultaneous=interval(changed, 1 - 0.05 / len(changes)),
        )
        for name, changed in changes.items()
    }
    return records.accuracy({"f1": 0.8}, rows, n=n, comparisons=len(changes))


def test_the_samples_needed_where_figures_vary_come_from_the_square_root() -> None:
    # 1.96 standard errors of 1 / sqrt(99): within 0.1 of the drop with (1.96 / 0.1)^2 samples.
    error = 1.96 / 99**0.5
    varying = records.variant({"f1": 0.8}, drop=0.1, interval=(0.1 - error, 0.1 + error), simultaneous=(0.0, 1.0))
    given = records.accuracy({"f1": 0.8}, {"v": varying})
    assert summary_row.needed(given, "v", "upper", budget=0.2) == 385
    assert summary_row.needed(given, "v", "upper", budget=0.1) is None
