"""The figures of the report as small tables for `dvc plots`."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.evaluation.accuracy_report import Accuracy
from pipeline.failures.failure_record import Failure
from pipeline.reporting.sections import operators
from pipeline.selection.benchmark_report import Benchmark
from pipeline.selection.decision_record import Decision
from pipeline.selection.metrics_report import Row
from pipeline.verification.verify_report import VerifyReport


def tradeoff(rows: Mapping[str, Any], metric: str | None, failures: Mapping[str, Failure]) -> list[dict[str, Any]]:
    """A point for each variant: kilobytes, and the primary metric with the ends of the drop's interval (None without labels).

    Of a variant that could not be built or run `failed` says why; of the others it is None.
    """
    return [
        {
            "variant": name,
            "kilobytes": None if row["bytes"] is None else row["bytes"] / 1000,
            "value": None if metric is None else row[metric],
            "drop": row["drop"],
            "drop_low": row.get("drop_low"),
            "drop_high": row.get("drop_high"),
            "sqnr_db": row["sqnr_db"],
            "failed": failures[name].sentence() if name in failures else None,
        }
        for name, row in rows.items()
    ]


def latency(costs: Mapping[str, Benchmark]) -> list[dict[str, Any]]:
    """Latency of each variant in milliseconds."""
    names = ("latency_median_ms", "latency_p95_ms", "latency_first_ms")
    return [{"variant": variant, **{name: getattr(row, name) for name in names}} for variant, row in costs.items()]


def confusion(matrix: Sequence[Sequence[int]], classes: Sequence[str]) -> str:
    """A confusion matrix [c][c] (rows: labels) as CSV with a line `actual,predicted` for each sample; only the heading when
    it is empty."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["actual", "predicted"])
    for actual, counts in zip(classes, matrix, strict=False):
        for predicted, count in zip(classes, counts, strict=True):
            writer.writerows([[actual, predicted]] * count)
    return stream.getvalue()


def divergence(verified: Mapping[str, VerifyReport]) -> list[dict[str, Any]]:
    """SQNR of each operator of each variant, where verification measured it."""
    return [
        {"variant": variant, "operator": f"{number:03d} {row.operator}", "sqnr_db": row.sqnr_db}
        for variant, report in verified.items()
        for number, row in enumerate(operators(report))
    ]


def tables(
    rows: Mapping[str, Row],
    costs: Mapping[str, Benchmark],
    verified: Mapping[str, VerifyReport],
    accuracy: Accuracy,
    decision: Decision,
    names: Mapping[str, Sequence[str] | None],
) -> dict[str, str]:
    """All tables as text by file name.

    Args:
        rows: of reports/metrics.json, by variant.
        costs: of reports/benchmark/, by variant.
        verified: reports/verify/V.json by variant.
        accuracy: reports/accuracy.json.
        decision: its variant's confusion matrix is shown: that of the first head that decides about whole samples.
        names: of the classes, by head.
    """
    selected = decision.selected
    heads = [head for head, entry in accuracy.heads.items() if entry.task_type in ("classification", "binary")]
    head = next((head for head in heads if names[head] is not None), None)
    matrix = accuracy.heads[head].variants[selected].confusion if head is not None and selected is not None else None
    found = {
        "tradeoff.json": tradeoff(rows, accuracy.primary_metric if accuracy.labelled else None, decision.failures),
        "latency.json": latency(costs),
        "divergence.json": divergence(verified),
    }
    classes = names[head] if head is not None else None
    return {name: json.dumps(content, indent=2) + "\n" for name, content in found.items()} | {
        "confusion.csv": confusion(matrix or [], classes or [])
    }
