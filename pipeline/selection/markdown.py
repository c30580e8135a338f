"""Templates of Markdown in which nothing that users named (classes, outputs, paths, metrics) is read as Markdown or HTML."""

import re
from typing import Any

import jinja2
from markupsafe import Markup

# Whatever moves a terminal's cursor or ends a line, and so a table's row.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
# What begins code, emphasis, strikethrough, HTML or another cell. Square brackets and underscores within words mean nothing
# by themselves; what makes a link of brackets is the parenthesis behind them.
_MEANT = re.compile(r"[\\`*~|]|(?<=\])\(|(?<![^\W_])_|_(?![^\W_])")


def environment(**options: Any) -> jinja2.Environment:
    """An environment whose expressions are plain text: what a template writes as Markdown stands outside of `{{ }}`.

    `{{ name | code }}` is a span of code, with its backticks.

    Args:
        options: of `jinja2.Environment`.
    """
    made = jinja2.Environment(
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=lambda value: value if isinstance(value, Markup) else text(value),
        **options,
    )
    made.filters["code"] = code
    return made


def text(value: object) -> str:
    """Any value as text that shows itself, also in a cell of a table (CommonMark's backslash escapes, entities for HTML)."""
    plain = _CONTROL.sub(" ", str(value))
    return _MEANT.sub(r"\\\g<0>", plain).replace("&", "&amp;").replace("<", "&lt;")


def code(value: object) -> Markup:
    """Any value as a span of code: between more backticks than stand in it in a row; a bar would end a table's cell even there."""
    plain = _CONTROL.sub(" ", str(value)).replace("|", "\\|") or " "
    fence = "`" * (max(map(len, re.findall("`+", plain)), default=0) + 1)
    space = " " if "`" in plain else ""
    return Markup(f"{fence}{space}{plain}{space}{fence}")  # no HTML: everything within is code
