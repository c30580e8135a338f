"""The report as one HTML page and as Markdown, from figures to text. User text is escaped.

The page is templates/report.html.j2, which includes one template for each section; a section gets the whole context.
"""

from pathlib import Path
from typing import Any

import jinja2

from pipeline.selection import markdown as markdown_templates
from pipeline.selection.phrases import amount, lower, upper

_LOADER = jinja2.FileSystemLoader(Path(__file__).parent / "templates")


def number(value: float | None, digits: int = 4) -> str:
    """A figure with thousands set apart, or a dash where there is none. Too small for its digits, it is written with a power."""
    if value is None:
        return "–"
    if value != 0 and abs(value) < 0.5 * 10**-digits:
        return f"{value:.1e}"
    return f"{value:,.{digits}f}"


def cell(value: object) -> str:
    """Anything in a cell: numbers with six significant digits, yes or no, lists with commas, a dash for nothing."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    return ", ".join(map(cell, value)) if isinstance(value, list | tuple) else str(value)


def difference(value: float | None, points: bool) -> str:
    """A drop with its sign: in percentage points, or in the metric's own unit."""
    if value is None:
        return "–"
    return f"{'−' if value < 0 else ''}{amount(abs(value), points=points)}"


def low_end(value: float | None, points: bool) -> str:
    """The lower end of a drop's interval, rounded outwards as in the verdicts."""
    return "–" if value is None else lower(value, points=points)


def high_end(value: float | None, points: bool) -> str:
    """The upper end, likewise."""
    return "–" if value is None else upper(value, points=points)


def html(context: dict[str, Any]) -> str:
    """The page, complete in itself: no script, no request leaves it."""
    environment = jinja2.Environment(
        loader=_LOADER,
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return _render(environment, "report.html.j2", context)


def markdown(context: dict[str, Any]) -> str:
    """The summary, for a terminal or a comment on a pull request."""
    return _render(markdown_templates.environment(loader=_LOADER), "summary.md.j2", context)


def _render(environment: jinja2.Environment, template: str, context: dict[str, Any]) -> str:
    environment.filters |= {"number": number, "difference": difference, "low_end": low_end, "high_end": high_end, "cell": cell}
    return environment.get_template(template).render(context)
