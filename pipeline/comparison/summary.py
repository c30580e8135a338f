"""A comparison as text: what all rows have in common said once, then one line a variant and point, at most so wide."""

import math
from collections.abc import Callable, Mapping, Sequence

from pipeline.comparison import parameters
from pipeline.comparison.rows import Kind, Row, back
from pipeline.comparison.text_table import Column, sentences, table
from pipeline.selection import markdown as markdown_text

WIDTH = 100
_FIGURES = ("bytes", "drop", "interval", "dB", "ms", "µs", "arena", "point", "variant", "experiment")
# So many experiments that could not be read are named one by one.
_NAMED = 20


def lines(
    found: Sequence[Row],
    kind: Kind,
    unread: Mapping[str, str],
    *,
    notes: Sequence[str] = (),
    sweep: str | None,
    markdown: bool,
    width: int = WIDTH,
) -> list[str]:
    """The comparison, no line wider than `width`.

    Args:
        found: rows in the order in which they are shown, at least one.
        kind: of the primary metric, which is one or treated as one.
        unread: what to say of experiments without figures, by name.
        notes: what else is to be said.
        sweep: the name that all experiments begin with, if they do; it is said once.
        markdown: the table is Markdown, and names are escaped.
        width: at most.
    """
    escape: Callable[[object], str] = markdown_text.text if markdown else _plain
    points = {row.commit: row.params for row in found}
    swept = parameters.swept([*points.values()])
    head = sentences([escape(text) for text in [*constants(found, kind, sweep=sweep), *_units(found)]], width=width)
    body, left = table(_columns(found, kind, swept, sweep=sweep, escape=escape), width=width, markdown=markdown)
    foot = []
    if left:
        foot.append(f"Not shown, for want of room: {', '.join(map(escape, left))}. `--csv FILE` has everything.")
    if any(row.shipped for row in found):
        foot.append("+ is what an experiment chose to ship." if not markdown else "`+` is what an experiment chose to ship.")
    if not all(row.verified for row in found):
        foot.append("! was not verified." if not markdown else "`!` was not verified.")
    name = f"{sweep}-POINT" if sweep else "EXPERIMENT"
    foot.append(f"To bring one back: `{escape(back(name))}`, then `dvc repro`.")
    return [*head, "", *body, "", *sentences([*foot, *notes], width=width), *problems(unread, width=width, escape=escape)]


def problems(
    unread: Mapping[str, str], *, width: int = WIDTH, escape: Callable[[object], str] = lambda text: _plain(text)
) -> list[str]:
    """A sentence for each experiment that has no figures."""
    said = [f"{escape(name)}: {escape(why)}" for name, why in unread.items()]
    more = [f"… and {len(said) - _NAMED:,} more without figures."] if len(said) > _NAMED else []
    return sentences(said[:_NAMED] + more, width=width)


def constants(found: Sequence[Row], kind: Kind, *, sweep: str | None) -> list[str]:
    """What all rows have in common, in sentences."""
    experiments, bases = {row.commit for row in found}, sorted({row.baseline[:7] for row in found})
    of = f" of the sweep {sweep}, named {sweep}-POINT," if sweep else ""
    on = f" of commit {bases[0]}" if len(bases) == 1 else f" of {len(bases)} commits"
    told = [f"{len(experiments):,} experiment{'s' * (len(experiments) != 1)}{of}{on}, {len(found):,} row{'s' * (len(found) != 1)}."]
    told.append(_measured(found, kind))
    if len({row.variant for row in found}) == 1:
        told.append(f"All rows are of the variant {found[0].variant}.")
    if all(row.verified for row in found):
        told.append("All are verified.")
    swept = parameters.swept([*{row.commit: row.params for row in found}.values()])
    told.append(f"Parameters that differ: {', '.join(swept)}." if swept else "No parameter differs.")
    return told


def _measured(found: Sequence[Row], kind: Kind) -> str:
    """What the primary metric and the drop are."""
    metrics = ", ".join(sorted({row.metric for row in found}))
    if all(row.value is None for row in found):
        return f"No row has a figure for {metrics}: the data has no labels, or it is undefined there."
    originals = {(row.original, row.n) for row in found if row.original is not None}
    words = f"{metrics}: {'higher' if kind.higher_is_better else 'lower'} is better"
    if len(originals) == 1:
        ((original, n),) = originals
        words += f"; the original network has {original:.4f}" + (f" on {n:,} samples" if n else "")
    levels = " or ".join(f"{100 * level:g}" for level in sorted({row.confidence for row in found}))
    return f"{words}; drop: what is lost against the original{', in points' if kind.points else ''}, with its {levels} % interval."


def _units(found: Sequence[Row]) -> list[str]:
    """What headings stand for."""
    units = ["dB: SQNR"] if any(row.sqnr_db is not None for row in found) else []
    units += [f"{_latency_unit(found)[1]}: median latency"] if any(row.latency_ms is not None for row in found) else []
    units += ["arena: bytes of TFLM's"] if any(row.arena_bytes is not None for row in found) else []
    return [f"{'; '.join(units)}."] if units else []


def _columns(
    found: Sequence[Row], kind: Kind, swept: Sequence[str], *, sweep: str | None, escape: Callable[[object], str]
) -> list[Column]:
    """Every column that tells rows apart or has a figure."""
    metric = found[0].metric if len({row.metric for row in found}) == 1 else "primary metric"
    following = parameters.followers([row.params for row in found], swept)
    called = parameters.short(swept, taken=(metric, *_FIGURES))
    columns: list[Column] = []
    if any(row.shipped or not row.verified for row in found):
        columns.append(Column(heading="", cells=["+" if row.shipped else "" if row.verified else "!" for row in found]))
    names = [row.experiment.removeprefix(f"{sweep}-") if sweep else row.experiment for row in found]
    columns.append(
        Column(
            heading="point" if sweep else "experiment",
            cells=[escape(name) for name in names],
            least=max(8, *map(len, names)) if max(map(len, names)) <= 16 else 16,
        )
    )
    if len({row.baseline for row in found}) > 1:
        columns.append(Column(heading="commit", cells=[row.baseline[:7] for row in found], given_up=9))
    if len({row.variant for row in found}) > 1:
        columns.append(Column(heading="variant", cells=[escape(row.variant) for row in found], least=8))
    for name in swept:
        values = [escape(parameters.shown(row.params[name]) if name in row.params else "–") for row in found]
        columns.append(
            Column(heading=escape(called[name]), cells=values, least=6, given_up=100 if name in following else 10, name=name)
        )
        columns[-1].right = all(_numeric(row.params.get(name)) for row in found)

    def figure(
        heading: str, text: Callable[[Row], str], *, given_up: int | None = None, least: int | None = None, name: str = ""
    ) -> None:
        cells = [text(row) for row in found]
        if {*cells} != {"–"}:
            columns.append(Column(heading=escape(heading), cells=cells, right=True, given_up=given_up, least=least, name=name))

    figure("bytes", lambda row: _number(row.bytes, ","))
    figure(metric, lambda row: _number(row.value, ".4f"), least=6)
    digits = _digits(found, kind.points)
    figure("drop", lambda row: _nearest(row.drop, digits + 1, kind.points))
    figure("interval", lambda row: _interval(row, digits, kind.points), given_up=1, name="the drop's interval")
    figure("dB", lambda row: _number(row.sqnr_db, ".1f"), given_up=2, name="SQNR")
    scale, unit = _latency_unit(found)
    figure(unit, lambda row: _three(row.latency_ms and row.latency_ms * scale), given_up=3, name="latency")
    figure("arena", lambda row: _number(row.arena_bytes, ","), given_up=4, name="arena bytes")
    return columns


def _plain(value: object) -> str:
    """A name as one line of letters: it may hold what a terminal obeys."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(value))


def _numeric(value: object) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))


def _three(value: float | None) -> str:
    """With three digits, as many as a latency is worth."""
    return "–" if value is None else f"{value:,.{2 if value < 10 else 1 if value < 100 else 0}f}"


def _number(value: float | None, form: str) -> str:
    return "–" if value is None else format(value, form)


def _latency_unit(found: Sequence[Row]) -> tuple[int, str]:
    """Microseconds where every latency is below a millisecond, as of small networks."""
    return (1000, "µs") if all((row.latency_ms or 0) < 1 for row in found) else (1, "ms")


def _digits(found: Sequence[Row], points: bool) -> int:
    """Decimals with which the narrowest interval still has two digits."""
    widths = [
        (row.drop_high - row.drop_low) * (100 if points else 1)
        for row in found
        if row.drop_low is not None and row.drop_high is not None
    ]
    narrowest = min((width for width in widths if width > 0), default=1.0)
    return min(6, max(0, 1 - math.floor(math.log10(narrowest))))


def _nearest(value: float | None, digits: int, points: bool) -> str:
    if value is None:
        return "–"
    return f"{value * (100 if points else 1):.{digits}f}".replace("-", "−")


def _interval(row: Row, digits: int, points: bool) -> str:
    """Both ends rounded outwards, so that the interval as written holds as well."""
    if row.drop_low is None or row.drop_high is None:
        return "–"
    step = (100 if points else 1) * 10**digits
    ends = math.floor(row.drop_low * step + 1e-9), math.ceil(row.drop_high * step - 1e-9)
    return " to ".join(f"{end / 10**digits:.{digits}f}" for end in ends).replace("-", "−")
