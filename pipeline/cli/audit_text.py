"""The report of `audit` as a readable table."""

from collections.abc import Mapping
from typing import Any


def text(report: Mapping[str, Any]) -> str:
    """The report as a readable table."""
    certified = report["certificate"]
    lines = ["PASSED" if report["passed"] else "NOT PASSED", certified["summary"], ""]
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
    for fault in certified["faults"]:
        where = ", ".join(fault["layers"]) or fault["tensor"] or "the file"
        lines.append(f"FAULT {fault['check']}: {where}: {fault['reason']}")
    return "\n".join(lines)


def _line(row: Mapping[str, Any]) -> str:
    return f"{'ok  ' if row['passed'] else 'FAIL'} {row['name']}{' of ' + row['output'] if row['output'] else ''}: {row['reason']}"


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
