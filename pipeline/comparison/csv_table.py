"""A comparison as CSV: full names, full precision, one line a variant and point."""

import csv
import io
from collections.abc import Sequence
from typing import Any

from pipeline.comparison import parameters
from pipeline.comparison.rows import Row


def text(found: Sequence[Row]) -> str:
    """Experiment, commits, variant, every swept parameter, every figure of reports/metrics.json, and the latency.

    A parameter that has the name of a figure stands behind `params.yaml:`.
    """
    swept = parameters.swept([*{row.commit: row.params for row in found}.values()])
    figures = list(dict.fromkeys(name for row in found for name in row.figures))
    own = ["experiment", "commit", "baseline_commit", "variant", "shipped"]
    taken = {*own, *figures, "latency_median_ms"}
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow([*own, *(f"params.yaml:{name}" if name in taken else name for name in swept), *figures, "latency_median_ms"])
    for row in found:
        mine: list[Any] = [row.experiment, row.commit, row.baseline, row.variant, _cell(row.shipped)]
        mine += [parameters.shown(row.params[name]) if name in row.params else "" for name in swept]
        mine += [_cell(row.figures.get(name)) for name in figures]
        writer.writerow([*mine, _cell(row.latency_ms)])
    return stream.getvalue()


def _cell(value: bool | float | None) -> str:
    return "" if value is None else str(value).lower() if isinstance(value, bool) else repr(value)
