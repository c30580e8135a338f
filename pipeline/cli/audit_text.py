"""The report of `audit` as a readable table."""

from collections.abc import Mapping
from typing import Any

from pipeline.verification import constant_rows


def text(report: Mapping[str, Any]) -> str:
    """The report as a readable table."""
    certified = report["certificate"]
    lines = ["PASSED" if report["passed"] else f"NOT PASSED: {cause(report)}", certified["summary"], ""]
    lines += [_line(row) for row in report["checks"]]
    lines += [f"note {note}" for note in report["notes"]]
    if certified["layers"]:
        lines += ["", *_table(("layer", "class", "parameters", "in the file"), [_layer(row) for row in certified["layers"]])]
    tensors = [row for row in certified["tensors"] if row["variables"] or not row["passed"]]
    columns = ("tensor", "from", "how", "steps", "SQNR dB", "verdict")
    lines += ["", *_table(columns, [_tensor(row) for row in tensors])]
    for name, figures in report["outputs"].items():
        listed = ", ".join(f"{row['id']} ({row['max_error']:.3g})" for row in figures["worst"] if row["max_error"] is not None)
        lines += ["", f"{name}: {figures['n']} samples; largest errors: {listed or 'none'}"]
    if report["divergence"]:
        lines += ["", "keep in float first: " + ", ".join(row["layer"] for row in report["divergence"]["exclude_first"])]
    lines += [f"FAULT {fault['check']}: {_fault(fault)}" for fault in certified["faults"]]
    lines += [f"also in the file: {line}" for line in certified["also"]]
    return "\n".join(lines)


def cause(report: Mapping[str, Any]) -> str:
    """Why a file does not pass, in one line: the first thing that is wrong with it, and how much more there is."""
    found = [_fault(fault) for fault in report["certificate"]["faults"]]
    failing = [row for row in report["checks"] if not row["passed"]]
    found += [f"{row['name']}{' of ' + row['output'] if row['output'] else ''}: {row['reason']}" for row in failing]
    more = len(report["certificate"]["faults"]) - 1
    return found[0] + (f" (and {more} more)" if more > 0 else "")


def _fault(fault: Mapping[str, Any]) -> str:
    where = ", ".join(fault["layers"]) or fault["tensor"] or "the file"
    return str(fault["reason"]) if fault["reason"].startswith(constant_rows.BIAS_OF) else f"{where}: {fault['reason']}"


def _line(row: Mapping[str, Any]) -> str:
    verdict = "FAIL" if not row["passed"] else "--  " if row["reason"].startswith("not compared") else "ok  "
    return f"{verdict} {row['name']}{' of ' + row['output'] if row['output'] else ''}: {row['reason']}"


def _layer(row: Mapping[str, Any]) -> tuple[str, ...]:
    return row["path"], row["class"], f"{row['parameters']:,}", row["reason"]


def _tensor(row: Mapping[str, Any]) -> tuple[str, ...]:
    sources = ", ".join(row["variables"]) or "–"
    steps = "–" if row["steps"] is None else f"{row['steps']:.2f}"
    sqnr = "–" if row["sqnr_db"] is None else f"{row['sqnr_db']:.1f}"
    return _short(row["tensor"] or row["expected_tensor"]), _short(sources), row["transformation"], steps, sqnr, row["reason"]


def _short(value: str) -> str:
    return value if len(value) <= 48 else f"{value[:45]}..."


def _table(columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> list[str]:
    widths = [max(len(row[i]) for row in [columns, *rows]) for i in range(len(columns))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in [columns, *rows]]
