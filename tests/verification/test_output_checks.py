from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from pipeline.tflite.flatbuffer import Graph, Tensor
from pipeline.verification import output_checks
from pipeline.verification.decisions import Decision
from pipeline.verification.output_limits import Allowance

Moves = Callable[[np.ndarray], dict[str, np.ndarray]] | None

LIMITS = {"max_abs_error": 0.1, "mean_steps": 2.0, "sqnr_db": 20.0}
GOOD: dict[str, float | None] = {
    "finite": 1.0,
    "max_abs_error": 0.05,
    "mean_steps": 1.0,
    "sqnr_db": 30.0,
    "peak": 1.0,
}


def graph() -> Graph:
    tensor = Tensor(name="y", shape=(1, 3), dtype="float32", data=None, scales=None, zero_points=None, quantized_dimension=0)
    return Graph(signature="s", inputs={}, outputs={"y": 0}, tensors=[tensor], operators=[])


def allowance(dtype: str) -> Allowance:
    return Allowance(weights=dtype, activations=dtype, rounding=16.0, margin_db=12.0)


def compare(predicted: np.ndarray, allowance: Allowance | None, moves: Moves = None) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    reference, ids = {"y": np.eye(3, dtype=np.float32)}, ["a", "b", "c"]
    return output_checks.compare(
        reference,
        {"y": predicted},
        float32=graph(),
        found=graph(),
        allowance=allowance,
        decisions={"y": Decision(kind="largest")},
        noise="not asked for",
        moves=moves,
        ids=ids,
        worst=2,
    )


def test_the_worst_samples_go_by_their_ids() -> None:
    predicted = np.eye(3, dtype=np.float32)
    predicted[2, 0], predicted[1, 1] = 0.25, 0.5
    figures, _ = compare(predicted, allowance("int8"))
    assert figures["y"]["worst"] == [{"id": "b", "index": 1, "max_error": 0.5}, {"id": "c", "index": 2, "max_error": 0.25}]
    assert figures["y"]["n"] == 3


def test_a_quantized_file_s_error_is_too_much_for_a_float32_one() -> None:
    predicted = np.eye(3, dtype=np.float32) + np.float32(1e-3)
    _, checks = compare(predicted, allowance("int8"))
    assert all(row["passed"] for row in checks)
    _, checks = compare(predicted, allowance("float32"))
    assert {row["name"] for row in checks if not row["passed"]} == {"max_abs_error"}


def test_a_sample_that_is_not_finite_is_listed_first() -> None:
    predicted = np.eye(3, dtype=np.float32)
    predicted[1, 2] = np.nan
    figures, checks = compare(predicted, allowance("int8"))
    assert figures["y"]["worst"][0] == {"id": "b", "index": 1, "max_error": None}
    assert not any(row["passed"] for row in checks)


def test_without_an_allowance_only_what_is_finite_is_judged() -> None:
    figures, checks = compare(np.eye(3, dtype=np.float32)[::-1], None)
    assert [(row["name"], row["passed"]) for row in checks] == [("finite", True)]
    assert figures["y"]["agreement"] == pytest.approx(1 / 3)


def rows(**changes: float | None) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in output_checks.verdicts({**GOOD, **changes}, LIMITS, output="y")}


def test_all_within_their_limits() -> None:
    assert all(row["passed"] and row["output"] == "y" for row in rows().values())


@pytest.mark.parametrize("name", LIMITS)
def test_each_check_alone_can_fail(name: str) -> None:
    worse = 2.1 if name in output_checks.AT_MOST else 0.5
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


def test_an_output_of_another_shape_is_a_fault() -> None:
    figures, rows = compare(np.eye(3, 4, dtype=np.float32), allowance("int8"))
    assert figures == {}
    assert [(row["name"], row["passed"], row["reason"]) for row in rows] == [
        ("shape", False, "the file's output is [4]; the network's is [3]")
    ]


def moving(by: float, asked: list[int]) -> Moves:
    """Rounding their input moves these samples by so much."""

    def moves(at: np.ndarray) -> dict[str, np.ndarray]:
        asked.extend(at.tolist())
        return {"y": np.full(len(at), by)}

    return moves


def test_a_sample_on_which_the_network_itself_moves_as_much_is_named_and_not_judged() -> None:
    predicted = np.eye(3, dtype=np.float32)
    predicted[1, 1] = 0.5
    asked: list[int] = []
    _, checks = compare(predicted, allowance("float32"), moving(0.3, asked))
    (row,) = [row for row in checks if row["name"] == "max_abs_error"]
    assert row["passed"]
    assert row["value"] == 0
    assert row["reason"].endswith(
        "; not judged: 1 ill-conditioned samples (b), on which the network itself moves as much when it is rounded otherwise"
    )
    assert asked == [1]


@pytest.mark.parametrize("moves", [None, moving(0.2, [])])
def test_one_on_which_it_does_not_is_the_file_s_fault(moves: Moves) -> None:
    predicted = np.eye(3, dtype=np.float32)
    predicted[1, 1] = 0.5
    _, checks = compare(predicted, allowance("float32"), moves)
    assert {row["name"] for row in checks if not row["passed"]} == {"max_abs_error"}


def test_a_quantized_file_is_not_excused_so() -> None:
    predicted = np.eye(3, dtype=np.float32)[::-1]
    _, checks = compare(predicted, allowance("int8"), moving(10.0, []))
    assert {"sqnr_db", "agreement"} <= {row["name"] for row in checks if not row["passed"]}


@pytest.mark.parametrize(("kept", "passed"), [(0, False), (1, True)])
def test_a_third_of_the_decisions_stay_whatever_the_noise(kept: int, passed: bool) -> None:
    """So much noise that every decision is closer: a file that decides nothing as before is no copy."""
    predicted = np.roll(np.eye(3, dtype=np.float32), 1, 0)
    predicted[:kept] = np.eye(3)[:kept]
    _, checks = compare(predicted, allowance("int2"))
    (row,) = [row for row in checks if row["name"] == "agreement"]
    assert row["passed"] == passed
    assert row["reason"].endswith("whatever the noise, a third must stay as they were") == (not passed)
