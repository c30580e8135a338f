from dataclasses import replace
from typing import Any

import pytest

from pipeline.selection.ranking import Candidate, Constraints, choose, pareto


def candidate(**changes: Any) -> Candidate:
    return Candidate(
        **({"verified": True, "labelled": True, "value": 0.9, "drop": 0.0, "bound": 0.0, "bytes": 100, "latency_ms": 1.0} | changes)
    )


SMALL = candidate(drop=0.004, bound=0.004, latency_ms=2.0)
FAST = candidate(bytes=300, value=0.95)
LOSSY = candidate(drop=0.02, bound=0.02, bytes=50, latency_ms=0.5)
BROKEN = candidate(verified=False, bytes=10, latency_ms=0.1)
ALL = {"small": SMALL, "fast": FAST, "lossy": LOSSY, "broken": BROKEN}
LOOSE = Constraints(max_drop=0.01, bound="upper", points=True, max_bytes=None, max_latency_ms=None)


def test_smallest_verified_within_the_budget_and_a_reason_for_every_other() -> None:
    best, reasons = choose(ALL, LOOSE, objective="bytes")
    assert best == "small"
    assert reasons == {
        "small": "fewest bytes of the 2 that qualify",
        "fast": "qualifies, but has 200 bytes more than small",
        "lossy": "the upper end of the drop's interval, 2.0 points, is over the budget of 1.0 points",
        "broken": "not verified",
    }


@pytest.mark.parametrize(("objective", "best"), [("bytes", "small"), ("latency", "fast"), ("accuracy_per_byte", "small")])
def test_the_objective_decides(objective: str, best: str) -> None:
    assert choose(ALL, LOOSE, objective=objective)[0] == best


@pytest.mark.parametrize(
    ("constraints", "reason"),
    [
        ({"max_bytes": 99}, "100 bytes are over the ceiling of 99"),
        ({"max_latency_ms": 1.5}, "2 ms are over the ceiling of 1.5 ms on this machine"),
        ({"max_drop": 0.001}, "the upper end of the drop's interval, 0.40 points, is over the budget of 0.10 points"),
        ({"max_drop": 0.001, "bound": "estimate"}, "the drop, 0.40 points, is over the budget of 0.10 points"),
    ],
)
def test_each_constraint_rejects_with_its_reason(constraints: dict[str, Any], reason: str) -> None:
    best, reasons = choose({"small": SMALL, "fast": candidate(bytes=10)}, replace(LOOSE, **constraints), objective="bytes")
    assert best == "fast"
    assert reasons["small"] == reason


def test_all_faults_are_named() -> None:
    bad = replace(LOSSY, verified=False, faults=["not integer-only: 2 float tensors, such as x"])
    reason = choose({"bad": bad}, LOOSE, objective="bytes")[1]["bad"]
    assert reason.startswith("not verified; the upper end")
    assert reason.endswith("; not integer-only: 2 float tensors, such as x")


def test_an_unknown_drop_does_not_pass_the_budget() -> None:
    best, reasons = choose({"v": candidate(bound=None, undefined="only one class")}, LOOSE, objective="bytes")
    assert best is None
    assert reasons["v"] == "its drop is unknown: only one class"


def test_a_drop_at_the_budget_qualifies_and_ties_go_to_the_smaller_drop() -> None:
    twin = replace(SMALL, drop=0.001, bound=0.001)
    at = replace(LOOSE, max_drop=0.004)
    best, reasons = choose({"small": SMALL, "twin": twin}, at, objective="bytes")
    assert best == "twin"
    assert reasons["small"] == "qualifies with the same bytes as twin, which loses no more"
    assert choose({"small": SMALL}, at, objective="bytes")[0] == "small"


def test_without_labels_verification_alone_decides() -> None:
    unknown = candidate(labelled=False, value=None, drop=None, bound=None)
    assert choose({"u": unknown}, LOOSE, objective="bytes")[0] == "u"
    assert choose({"u": unknown}, LOOSE, objective="accuracy_per_byte")[1]["u"] == "no labels, so no accuracy per byte"


def test_the_front_holds_what_nothing_beats() -> None:
    points = {"a": (1.0, 0.5), "b": (2.0, 0.9), "c": (3.0, 0.8), "d": (4.0, 0.95), "twin": (2.0, 0.9), "e": (2.5, 0.9)}
    assert pareto(points) == ["a", "b", "twin", "d"]
