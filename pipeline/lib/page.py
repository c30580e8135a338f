"""The report as one HTML page and as Markdown, from figures to text. User text is escaped."""

from pathlib import Path
from typing import Any

import jinja2

_TEMPLATES = Path(__file__).parent


def number(value: float | None, digits: int = 4) -> str:
    """A figure, or a dash where there is none."""
    return "–" if value is None else f"{value:.{digits}f}"


def html(context: dict[str, Any]) -> str:
    """The page, complete in itself: no script, no request leaves it."""
    return _render("report.html.j2", context, escape=True)


def markdown(context: dict[str, Any]) -> str:
    """The summary, for a terminal or a pull request."""
    return _render("summary.md.j2", context, escape=False)


def _render(template: str, context: dict[str, Any], *, escape: bool) -> str:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=escape,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["number"] = number
    return environment.get_template(template).render(context)
