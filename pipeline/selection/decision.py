"""From figures to what models/selected/decision.json says: candidates for the choice, verdicts in words, one sentence."""

from collections.abc import Mapping
from typing import Any

from pipeline.evaluation.accuracy_report import Accuracy
from pipeline.failures.failure_record import Failure
from pipeline.selection import phrases, summary_row
from pipeline.selection.decision_record import Constraints, Decision
from pipeline.selection.metrics_report import Row
from pipeline.selection.ranking import Candidate
from pipeline.verification.verify_report import VerifyReport


def candidate(
    row: Mapping[str, Any], accuracy: Accuracy, name: str, *, which: str, budget: float, latency_ms: float, faults: list[str]
) -> Candidate:
    """What the choice looks at.

    Args:
        row: of `summary_row.row`.
        accuracy: reports/accuracy.json.
        name: of the variant.
        which: bound of the drop that is compared with the budget, see `summary_row.bound`.
        budget: that it is compared with.
        latency_ms: median.
        faults: other constraints that the file breaks.
    """
    measured = accuracy.variants[name] if accuracy.labelled else None
    return Candidate(
        verified=row["verified"],
        labelled=accuracy.labelled,
        value=None if measured is None else measured.metrics[accuracy.primary_metric],
        drop=row["drop"],
        bound=None if measured is None else summary_row.bound(measured, which),
        undefined=None if measured is None else measured.reason,
        needed=None if measured is None else summary_row.needed(accuracy, name, which, budget=budget),
        bytes=row["bytes"],
        latency_ms=latency_ms,
        faults=faults,
    )


def explain(
    best: str | None,
    reasons: Mapping[str, str],
    rows: Mapping[str, Row],
    accuracy: Accuracy,
    verified: Mapping[str, VerifyReport],
    failures: Mapping[str, Failure],
    *,
    objective: str,
    constraints: Constraints,
) -> Decision:
    """The decision.

    Args:
        best: the variant to ship, or None.
        reasons: for every variant that could be chosen, of `ranking.choose`.
        rows: of `summary_row.row`, by variant.
        accuracy: reports/accuracy.json.
        verified: reports/verify/V.json by variant.
        failures: of the variants that could not be built or run.
        objective: what was to be smallest.
        constraints: what each had to keep.
    """
    named = {name: failures[name].sentence() if name in failures else _with_failure(reasons[name], verified[name]) for name in rows}
    verdicts: dict[str, str] = {}
    basis = ""
    if accuracy.labelled:
        verdicts = {
            name: phrases.verdict(
                accuracy.variants[name],
                n=accuracy.n,
                points=bool(accuracy.points),
                level=accuracy.confidence,
                tolerated=constraints.max_drop,
                comparisons=accuracy.comparisons or 0,
            )
            for name in rows
            if name not in accuracy.failures
        } | {name: f"no figure: {failure.short()}" for name, failure in accuracy.failures.items()}
        basis = phrases.basis(n=accuracy.n, bound=constraints.drop_bound, comparisons=accuracy.comparisons or 0)
    return Decision(
        selected=best,
        objective=objective,
        max_drop=constraints.max_drop,
        constraints=constraints,
        reasons=named,
        verdicts=verdicts,
        basis=basis,
        sentence=_sentence(best, named, rows, verdicts, verified),
        failures=dict(failures),
    )


def _with_failure(reason: str, report: VerifyReport) -> str:
    """ "not verified" with the first check that failed."""
    failed = next((check for check in report.checks if not check.passed), None)
    return reason if failed is None else reason.replace("not verified", f"not verified ({failed.name}: {failed.reason})", 1)


def _sentence(
    best: str | None,
    reasons: Mapping[str, str],
    rows: Mapping[str, Mapping[str, Any]],
    verdicts: Mapping[str, str],
    verified: Mapping[str, VerifyReport],
) -> str:
    if best is None:
        return "Nothing may be shipped: no variant keeps every constraint."
    size = rows[best]["bytes"]
    plain = [row["bytes"] for name, row in rows.items() if verified[name].scheme == "float32" and name != best]
    share = f", {100 * size / plain[0]:.0f} % of the float32 file" if plain else ""
    loss = f"{verdicts[best]}, and " if best in verdicts else ""
    return (
        f"Ship {best}: {reasons[best]} ({size:,} bytes{share}); {loss}verified against the original network "
        f"on {rows[best]['n']} samples."
    )
