from typing import Any

import pytest

from pipeline.verification import verdict

LIMITS = {"max_abs_error": 0.1, "mean_steps": 2.0, "sqnr_db": 20.0, "agreement": 0.9}
GOOD: dict[str, float | None] = {
    "finite": 1.0,
    "max_abs_error": 0.05,
    "mean_steps": 1.0,
    "sqnr_db": 30.0,
    "agreement": 0.95,
    "peak": 1.0,
}


def rows(**changes: float | None) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in verdict.judge({**GOOD, **changes}, LIMITS, output="y")}


def test_all_within_their_limits() -> None:
    assert all(row["passed"] and row["output"] == "y" for row in rows().values())


@pytest.mark.parametrize("name", LIMITS)
def test_each_check_alone_can_fail(name: str) -> None:
    worse = 2.1 if name in verdict.AT_MOST else 0.5
    failed = {key for key, row in rows(**{name: worse}).items() if not row["passed"]}
    assert failed == {name}


@pytest.mark.parametrize("name", LIMITS)
def test_a_value_at_its_limit_passes(name: str) -> None:
    assert rows(**{name: LIMITS[name]})[name]["passed"]


def test_what_is_not_finite_fails_everything() -> None:
    nothing: dict[str, float | None] = dict.fromkeys(GOOD)
    assert not any(row["passed"] for row in rows(**{**nothing, "finite": 0.0}).values())


def test_identical_outputs_pass_without_an_sqnr() -> None:
    row = rows(max_abs_error=0.0, sqnr_db=None)["sqnr_db"]
    assert row["passed"]
    assert row["reason"] == "the outputs are identical"


def test_an_undefined_ratio_fails() -> None:
    row = rows(sqnr_db=None)["sqnr_db"]
    assert not row["passed"]
    assert row["reason"] == "undefined: the reference is all zeros"


def test_one_value_has_no_decision_to_agree_on() -> None:
    assert rows(agreement=None)["agreement"]["passed"]
