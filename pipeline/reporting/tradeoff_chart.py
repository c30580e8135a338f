"""Charts of the report as SVG text, the same bytes for the same figures.

Colours are custom properties of the page with a value of their own behind them: the page turns them dark, a file on its own
stays light.
"""

import io
import re
from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.evaluation.accuracy_report import Accuracy
from pipeline.selection.decision_record import Decision
from pipeline.selection.metrics_report import Row
from pipeline.selection.ranking import pareto

# matplotlib is imported where a chart is drawn, as there is none without labels, and without pyplot, which nobody looks at here.

_COLOURS = {
    "ink": "#1b1f24",
    "muted": "#5a6573",
    "line": "#d4d9e0",
    "good": "#0b6e4f",
    "accent": "#2458a6",
    "bad": "#b3261e",
    "paper": "#fefefe",
}
_INK, _MUTED, _LINE, _GOOD, _ACCENT, _BAD, _PAPER = _COLOURS.values()
# Text stays text (searchable, small), and identifiers do not depend on a random salt.
_STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "tflite-pipeline",
    "font.family": "sans-serif",
    "text.color": _INK,
    "axes.labelcolor": _INK,
    "axes.edgecolor": _MUTED,
    "xtick.color": _MUTED,
    "ytick.color": _MUTED,
}
# Where a label may stand, in points from the point itself: the first that is free is taken. Then above and below its bar.
_PLACES = [(9, 7), (9, -16), (-9, 7), (-9, -16)]
_STEPS = (8, 23, 38, 53, 68, 83)


def tradeoff(rows: Mapping[str, Row], accuracy: Accuracy, decision: Decision) -> tuple[dict[str, str], str]:
    """The chart of bytes against the primary metric in two widths, and what it shows in words.

    Args:
        rows: of reports/metrics.json, by variant.
        accuracy: reports/accuracy.json.
        decision: models/selected/decision.json.

    Returns:
        SVG by name ("wide", "narrow"), and the words; nothing when the original network has no figure.
    """
    baseline = accuracy.baseline()
    if baseline is None:
        return {}, ""
    metric, higher = accuracy.primary_metric, bool(accuracy.higher_is_better)
    shown: dict[str, dict[str, Any]] = {name: row for name, row in rows.items() if row[metric] is not None}
    values = {name: (row["bytes"], row[metric] * (1 if higher else -1)) for name, row in shown.items()}
    front = pareto(values)

    def draw(*, narrow: bool) -> str:
        return bytes_against_accuracy(
            rows,
            metric=metric,
            baseline=baseline,
            selected=decision.selected,
            front=front,
            budget=decision.max_drop,
            points=bool(accuracy.points),
            higher_is_better=higher,
            narrow=narrow,
        )

    told = [f"{name}: {row['bytes']:,} bytes, {metric} {row[metric]:.4g}" for name, row in shown.items()]
    words = f"{metric} against bytes. Original: {baseline:.4g}. {'; '.join(told)}. Pareto front: {', '.join(front)}."
    return {"wide": draw(narrow=False), "narrow": draw(narrow=True)}, words


def bytes_against_accuracy(
    rows: Mapping[str, Row],
    *,
    metric: str,
    baseline: float,
    selected: str | None,
    front: Sequence[str],
    budget: float | None,
    points: bool,
    higher_is_better: bool,
    narrow: bool = False,
) -> str:
    """A point with its interval for each variant, the original network and the budget as lines, the selected point marked.

    Args:
        rows: by variant: `bytes`, the metric, `drop_low`, `drop_high` and `verified`. A variant without a figure is left out.
        metric: name of the primary metric.
        baseline: its value for the original network.
        selected: name of the selected variant.
        front: names on the Pareto front, by rising bytes.
        budget: the drop that is allowed; None draws no line.
        points: the metric is a share, shown in percent.
        higher_is_better: otherwise the axis is turned round, so that better is always up.
        narrow: for a phone.

    Returns:
        SVG.
    """
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    sign, unit = (1.0 if higher_is_better else -1.0), (100.0 if points else 1.0)
    shown: dict[str, dict[str, Any]] = {name: row for name, row in rows.items() if row[metric] is not None}
    with rc_context(_STYLE):
        chart = Figure(figsize=(4.1, 4.6) if narrow else (8.2, 4.3))
        FigureCanvasAgg(chart)  # measures text; what is written is SVG
        axes = chart.subplots()
        x = {name: row["bytes"] / 1000 for name, row in shown.items()}
        y = {name: row[metric] * unit for name, row in shown.items()}
        ends: dict[str, list[float]] = {}
        if x and max(x.values()) / min(x.values()) > 6:
            axes.set_xscale("log")
        for name, row in shown.items():
            colour = _GOOD if name == selected else _ACCENT if row["verified"] else _BAD
            if row["drop_low"] is not None:
                ends[name] = [(baseline - sign * row[end]) * unit for end in ("drop_high", "drop_low")]
                axes.plot([x[name]] * 2, ends[name], color=colour, linewidth=1.6, alpha=0.75, zorder=3, solid_capstyle="butt")
                axes.plot([x[name]] * 2, ends[name], color=colour, linestyle="none", marker="_", markersize=9, zorder=3)
            marker, side = ("*", 17) if name == selected else ("o", 7.5) if row["verified"] else ("X", 8.5)
            axes.plot(
                [x[name]],
                [y[name]],
                marker=marker,
                color=colour,
                markersize=side,
                markeredgecolor=_PAPER,
                zorder=7 if name == selected else 5,
            )
        axes.margins(x=0.16, y=0.34)
        if not higher_is_better:
            axes.invert_yaxis()
        axes.axhline(baseline * unit, color=_INK, linestyle=(0, (5, 3)), linewidth=1.1, zorder=2)
        if budget is not None:
            axes.axhline((baseline - sign * budget) * unit, color=_BAD, linestyle=(0, (1, 2)), linewidth=1.3, zorder=2)
        left, right = axes.get_xlim()
        if front:
            corners = [x[name] for name in front] + [right]
            axes.step(
                corners, [y[name] for name in front] + [y[front[-1]]], where="post", color=_GOOD, linewidth=5, alpha=0.22, zorder=1
            )
        axes.set_xlim(left, right)
        axes.xaxis.set_major_locator(MaxNLocator(5 if narrow else 8)) if axes.get_xscale() == "linear" else None
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.xaxis.set_minor_formatter(FuncFormatter(lambda value, _: ""))
        axes.yaxis.set_major_locator(MaxNLocator(6))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: _tick(value, points=points)))
        axes.set_xlabel("size of the file, kilobytes", fontsize=10)
        axes.set_ylabel(f"{metric}{'' if higher_is_better else ' (lower is better)'}", fontsize=10)
        axes.grid(axis="y", color=_LINE, linewidth=0.7, zorder=0)
        axes.set_axisbelow(True)
        axes.tick_params(length=0, labelsize=9)
        axes.spines[["top", "right", "left"]].set_visible(False)
        taken = [_box(axes, x[name], [y[name]], around=7) for name in shown]
        taken += [_box(axes, x[name], ends[name], around=2) for name in ends]
        original = f"original\n{baseline * unit:.{2 if points else 4}f}{' %' if points else ''}"
        lines = [(baseline, original, _INK, budget != 0)]
        if budget is not None and budget > 0:
            lines.append((baseline - sign * budget, "budget", _BAD, False))
        for value, text, colour, above in lines:
            # Beside the axes, where no point can be.
            axes.annotate(
                text,
                (1, value * unit),
                xycoords=("axes fraction", "data"),
                textcoords="offset points",
                xytext=(4, -3 if above else 3),
                va="bottom" if above else "top",
                fontsize=9,
                color=colour,
            )
        for name in sorted(shown, key=lambda name: (name != selected, x[name])):
            _label(chart, axes, name, x[name], y[name], ends.get(name, [y[name]]), chosen=name == selected, taken=taken)
        return _svg(chart, name="narrow" if narrow else "wide")


def _tick(value: float, *, points: bool) -> str:
    """A figure at the axis; there is no share above 100 %."""
    return f"{value:g}" if not points else f"{value:g} %" if value <= 100 else ""


def _box(axes: Any, x: float, ys: Sequence[float], *, around: float) -> Any:
    """The place that a marker or a bar takes, in pixels."""
    from matplotlib.transforms import Bbox

    return Bbox.null().union([Bbox([axes.transData.transform((x, y))] * 2).padded(around) for y in ys])


def _label(chart: Any, axes: Any, name: str, x: float, y: float, ends: Sequence[float], *, chosen: bool, taken: list[Any]) -> None:
    """Write a name where nothing stands yet: beside its point, else above or below its bar, with a thin line to it."""
    from matplotlib.text import Text

    frame = axes.get_window_extent()
    on_screen = sorted(ends, key=lambda value: axes.transData.transform((x, value))[1])
    low, high = on_screen[0], on_screen[-1]
    beside: list[tuple[float, float, float, str]] = [(y, dx, dy, "left" if dx > 0 else "right") for dx, dy in _PLACES]
    outside = [
        (end, dx, sign * dy - (0 if sign > 0 else 8), side)
        for dy in _STEPS
        for end, sign in ((high, 1), (low, -1))
        for dx, side in ((-4, "left"), (4, "right"))
    ]
    for place in [*beside, *outside]:
        end, dx, dy, side = place
        label = axes.annotate(
            name,
            (x, end),
            textcoords="offset points",
            xytext=(dx, dy),
            ha=side,
            fontsize=10 if chosen else 9,
            fontweight="bold" if chosen else "normal",
            color=_GOOD if chosen else _INK,
            arrowprops={"arrowstyle": "-", "color": _MUTED, "linewidth": 0.6, "shrinkA": 0, "shrinkB": 2} if abs(dy) > 20 else None,
            zorder=6,
        )
        # Of the text alone: the line to it may cross what it likes.
        label.update_positions(_renderer(chart))
        box = Text.get_window_extent(label, _renderer(chart))
        inside = box.x0 > frame.x0 and box.x1 < frame.x1 and box.y0 > frame.y0 and box.y1 < frame.y1 + 30
        if inside and not any(box.padded(1).overlaps(other) for other in taken):
            break
        if place != outside[-1]:
            label.remove()
    taken.append(box)


def _renderer(chart: Any) -> Any:
    return chart.canvas.get_renderer()


def _svg(chart: Any, *, name: str) -> str:
    stream = io.StringIO()
    chart.savefig(stream, format="svg", bbox_inches="tight", transparent=True, metadata={"Date": None, "Creator": None})
    text = stream.getvalue()
    # Inline in a page the XML prolog must go, and identifiers must not meet those of another chart.
    text = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{name}-", text[text.index("<svg") :])
    for property_name, colour in _COLOURS.items():
        text = text.replace(colour, f"var(--{property_name}, {colour})")
    return re.sub(r"(font(?:-family)?: [^;\"]*?)'DejaVu Sans'[^;\"]*", r"\1system-ui, sans-serif", text)
