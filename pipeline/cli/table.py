"""Print the variants that were built as a Markdown table: bytes, the primary metric and its drop, fidelity, latency, verdict.

    python -m pipeline.cli.table

`make table` builds every variant first (conf/experiment/every_variant.yaml).
"""

from collections.abc import Mapping
from typing import Any

from pipeline import config, files, paths
from pipeline.errors import run
from pipeline.selection.latency_report import Latency, Timing
from pipeline.selection.metrics_report import Metrics

_HEAD = ("variant", "bytes", "{metric}", "drop", "SQNR dB", "latency ms", "verified")


def rows(metrics: Mapping[str, Mapping[str, Any]], latency: Mapping[str, Timing], *, metric: str) -> list[tuple[str, ...]]:
    """A row of texts for each variant, the smallest file first and what could not be built last; "–" where there is no figure.

    Args:
        metrics: `variants` of reports/metrics.json.
        latency: `variants` of reports/latency.json.
        metric: the primary one.
    """

    def text(value: float | None, form: str) -> str:
        return "–" if value is None else format(value, form)

    return [
        (
            name,
            text(row["bytes"], ","),
            text(row.get(metric), ".4f"),
            text(row.get("drop"), ".4f"),
            text(row["sqnr_db"], ".1f"),
            text(latency[name].latency_median_ms if name in latency else None, ".4f"),
            "yes" if row["verified"] else "no",
        )
        for name, row in sorted(metrics.items(), key=lambda item: (item[1]["bytes"] is None, item[1]["bytes"], item[0]))
    ]


def markdown(body: list[tuple[str, ...]], *, metric: str) -> str:
    """The table; numbers to the right."""
    head = [title.format(metric=metric) for title in _HEAD]
    lines = [head, ["---", *["---:"] * (len(head) - 2), "---"], *body]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def main() -> None:
    settings = config.read()
    metrics, latency = files.read_record(paths.METRICS, Metrics), files.read_record(paths.LATENCY, Latency)
    metric = settings.task.primary_metric
    print(markdown(rows(metrics.variants, latency.variants, metric=metric), metric=metric), end="")


if __name__ == "__main__":
    run(main)
