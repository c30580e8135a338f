"""Pictures of the report as SVG text, the same bytes for the same figures."""

import io
from collections.abc import Mapping
from typing import Any

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt

# Text stays text (searchable, small), and identifiers do not depend on a random salt.
_STYLE: Any = {"svg.fonttype": "none", "svg.hashsalt": "tflite-pipeline", "font.family": "sans-serif"}


def bytes_against_accuracy(rows: Mapping[str, Mapping[str, Any]], *, metric: str, baseline: float, selected: str | None) -> str:
    """A point with its interval for each variant, the original network as a line, the selected point marked.

    Args:
        rows: by variant: `bytes`, the metric, `drop`, `drop_low`, `drop_high` and `verified`.
        metric: name of the deciding metric.
        baseline: its value for the original network.
        selected: name of the selected variant.

    Returns:
        SVG.
    """
    with plt.rc_context(_STYLE):
        figure, axes = plt.subplots(figsize=(7.5, 4.2))
        axes.axhline(baseline, color="#767676", linestyle="--", linewidth=1, label=f"original {baseline:.4f}")
        for name, row in rows.items():
            value = row[metric]
            # A larger drop is a lower value: the upper end of the drop is the lower end of the bar.
            spread = [[row["drop_high"] - row["drop"]], [row["drop"] - row["drop_low"]]]
            color = "#0b6e4f" if name == selected else "#1f5fa8" if row["verified"] else "#b3261e"
            marker = "*" if name == selected else "o" if row["verified"] else "x"
            kilobytes = row["bytes"] / 1000
            axes.errorbar(
                [kilobytes], [value], yerr=spread, fmt=marker, color=color, capsize=3, markersize=13 if name == selected else 7
            )
            axes.annotate(name, (kilobytes, value), textcoords="offset points", xytext=(8, 6), fontsize=9)
        axes.set_xlabel("kilobytes")
        axes.set_ylabel(metric)
        axes.margins(x=0.15, y=0.25)
        axes.legend(loc="lower right", frameon=False)
        axes.spines[["top", "right"]].set_visible(False)
        return _svg(figure)


def _svg(figure: Any) -> str:
    stream = io.StringIO()
    figure.savefig(stream, format="svg", bbox_inches="tight", metadata={"Date": None, "Creator": None})
    plt.close(figure)
    text = stream.getvalue()
    # Inline in a page the XML prolog must go.
    return text[text.index("<svg") :]
