from typing import Any

from msgspec.structs import replace

from pipeline.failures.failure_record import Place
from pipeline.selection import decision
from pipeline.selection.metrics_report import Row
from tests import records

OPTIONS: dict[str, Any] = {"objective": "bytes", "constraints": records.constraints()}
MEASURED = records.variant(
    {"accuracy": 0.9}, drop=0.0, interval=(-0.005, 0.005), simultaneous=(-0.01, 0.01), p_holm=1.0, detectable=0.02
)
LABELLED = records.accuracy({"accuracy": 0.9}, {"float32": MEASURED, "int8": MEASURED})
UNLABELLED = records.accuracy(None)
PASSED = records.verified(scheme="float32", checks=(records.check("finite"),))
FAILED = records.verified(scheme="int8", checks=(records.check("sqnr_db", passed=False, reason="3 is below the limit 20"),))


ROWS: dict[str, Row] = {
    "float32": {"bytes": 400, "n": 99, "verified": True, "drop": 0.0},
    "int8": {"bytes": 100, "n": 99, "verified": False, "drop": 0.0},
}


def test_one_sentence_says_what_to_ship_and_why() -> None:
    verified = {"float32": PASSED, "int8": replace(PASSED, scheme="int8")}
    reasons = {"float32": "qualifies, but has 300 bytes more than int8", "int8": "fewest bytes of the 2 that qualify"}
    found = decision.explain("int8", reasons, ROWS, LABELLED, verified, {}, **OPTIONS)
    assert found.sentence == (
        "Ship int8: fewest bytes of the 2 that qualify (100 bytes, 25 % of the float32 file); no loss beyond 0.50 points (95 %; "
        "1.0 for all 2 comparisons at once), and verified against the original network on 99 samples."
    )
    assert (found.selected, found.objective, found.max_drop) == ("int8", "bytes", 0.01)
    assert found.constraints == OPTIONS["constraints"]
    assert found.basis.startswith("The choice and these figures use the same 99 evaluation samples")


def test_a_variant_that_failed_says_at_which_check() -> None:
    found = decision.explain(
        None, {"float32": "x", "int8": "not verified"}, ROWS, LABELLED, {"float32": PASSED, "int8": FAILED}, {}, **OPTIONS
    )
    assert found.reasons["int8"] == "not verified (sqnr_db: 3 is below the limit 20)"
    assert found.sentence == "Nothing may be shipped: no variant keeps every constraint."


def test_a_variant_that_could_not_be_built_says_so_in_its_place() -> None:
    failure = records.failure(variant="int8", places=[Place(operator="DIV", tensor="t", layers=["a", "b"])])
    accuracy = replace(LABELLED, failures={"int8": failure}, variants={"float32": LABELLED.variants["float32"]})
    given = (ROWS, accuracy, {"float32": PASSED, "int8": FAILED}, {"int8": failure})
    found = decision.explain("float32", {"float32": "fewest bytes"}, *given, **OPTIONS)
    assert list(found.reasons) == ["float32", "int8"]
    assert found.reasons["int8"] == "could not be built: it was refused, at DIV (a, b); do this"
    assert found.verdicts["int8"] == "no figure: could not be built"
    assert found.failures == {"int8": failure}


def test_without_labels_there_are_no_verdicts() -> None:
    reasons = {"float32": "only one", "int8": "not verified"}
    found = decision.explain("float32", reasons, ROWS, UNLABELLED, {"float32": PASSED, "int8": FAILED}, {}, **OPTIONS)
    assert found.verdicts == {}
    assert found.basis == ""
    assert "loss" not in found.sentence
    assert decision.candidate(ROWS["int8"], UNLABELLED, "int8", which="upper", budget=0.01, latency_ms=1.0, faults=[]).bound is None


def test_a_candidate_carries_why_it_has_no_drop() -> None:
    given = records.accuracy({"accuracy": 0.9}, {"int8": records.variant({"accuracy": None}, reason="only one class")})
    row = {**ROWS["int8"], "drop": None}
    made = decision.candidate(row, given, "int8", which="upper", budget=0.01, latency_ms=1.0, faults=["f"])
    assert (made.value, made.bound, made.undefined, made.faults) == (None, None, "only one class", ["f"])
