"""A comparison as one HTML page that opens offline: charts with plotly.js inside, a table, and how to bring each point back.

Everything a user named is text in the page's data; the script writes it as text, and escapes it where plotly.js would read tags.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2

from pipeline.comparison import parameters
from pipeline.comparison.rows import Kind, Row, back

_TEMPLATES = Path(__file__).parent / "templates"
_OWN = ("bytes", "latency_ms", "arena_bytes", "value", "value_low", "value_high", "drop", "drop_low", "drop_high", "sqnr_db")


def html(
    found: Sequence[Row],
    kind: Kind,
    sentences: Sequence[str],
    unread: Mapping[str, str],
    *,
    usual: Mapping[str, Any],
    plotly: str,
) -> str:
    """The page.

    Args:
        found: rows in the order of the table, at least one.
        kind: of the primary metric.
        sentences: what all rows have in common, in words.
        unread: what to say of experiments without figures, by name.
        usual: parameters of the commit that the experiments are based on, with which an effect is compared.
        plotly: the source of plotly.js.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("compare.html.j2").render(
        data=_script(data(found, kind, usual)),
        sentences=sentences,
        unread=unread,
        plotly=plotly,
    )


def data(found: Sequence[Row], kind: Kind, usual: Mapping[str, Any]) -> dict[str, Any]:
    """What the script draws: swept parameters, what is known of each figure, and the rows.

    A share is in percent, and its drop in points. `params` of a row are texts in the order of `parameters`, None where the
    experiment has no such parameter. `follows` names another one that tells this one's value.
    """
    points = [*{row.commit: row.params for row in found}.values()]
    swept = parameters.swept(points)
    follows = parameters.followers(points, swept)
    scale = 100 if kind.points else 1
    metric = found[0].metric if len({row.metric for row in found}) == 1 else "primary metric"
    called = parameters.short(swept, taken=("experiment", "variant", "verified", "shipped", metric, *_OWN))
    level = " or ".join(sorted({f"{100 * row.confidence:g} %" for row in found}))
    unit = {"value": ", %", "drop": ", points"} if kind.points else {"value": "", "drop": ""}
    counted = any(row.value_low is not None for row in found)
    figures = [
        _figure("bytes", "bytes", "size of the file, bytes", less=True),
        _figure("latency_ms", "latency ms", "latency, ms (median)", less=True),
        _figure("arena_bytes", "arena bytes", "arena of TFLM, bytes", less=True),
        _figure(
            "value",
            f"{metric}{unit['value']}",
            f"{metric}{unit['value']}",
            less=not kind.higher_is_better,
            ends=("value_low", "value_high") if counted else None,
            bars=f"{level} interval of {metric} itself; all saw the same samples, so that the drop is known better",
        ),
        _figure(
            "drop",
            f"drop{unit['drop']}",
            f"drop{unit['drop']}",
            less=True,
            ends=("drop_low", "drop_high"),
            bars=f"{level} interval of the difference to the original network, sample by sample",
        ),
        _figure("sqnr_db", "SQNR dB", "SQNR, dB", less=False),
    ]
    return {
        "parameters": [
            {
                "name": name,
                "label": called[name],
                "variant": parameters.owner(name),
                "follows": follows.get(name),
                "usual": parameters.shown(usual[name]) if name in usual else None,
            }
            for name in swept
        ],
        "figures": [figure for figure in figures if any(getattr(row, figure["key"]) is not None for row in found)],
        "rows": [_row(row, swept, scale=scale) for row in found],
    }


def _figure(key: str, short: str, label: str, *, less: bool, ends: tuple[str, str] | None = None, bars: str = "") -> dict[str, Any]:
    return {"key": key, "short": short, "label": label, "less": less, "ends": ends, "bars": bars}


def _row(row: Row, swept: Sequence[str], *, scale: int) -> dict[str, Any]:
    def scaled(key: str) -> float | None:
        value: float | None = getattr(row, key)
        return value if value is None or not key.startswith(("value", "drop")) else value * scale

    return {
        "experiment": row.experiment,
        "apply": back(row.experiment),
        "baseline": row.baseline[:7],
        "variant": row.variant,
        "shipped": row.shipped,
        "verified": row.verified,
        "params": [parameters.shown(row.params[name]) if name in row.params else None for name in swept],
        **{key: scaled(key) for key in _OWN},
    }


def _script(content: Any) -> str:
    """JSON that stays data inside a <script>, whatever text is in it."""
    return json.dumps(content, allow_nan=False).replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
