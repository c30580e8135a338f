"""What a change does to what ships, in Markdown for a pull request: the file before and after, its figures, parameters.

    python -m pipeline.cli.changes [BASE]

BASE is a commit, branch, tag or experiment (HEAD: what the workspace adds to it). The figures are those of `dvc metrics diff` and
`dvc params diff`; `dvc plots diff BASE` draws them.
"""

import argparse
import json
import subprocess
from collections.abc import Iterable, Mapping
from typing import Any

from pipeline import config, paths
from pipeline.errors import UserError, run
from pipeline.selection import markdown

# {"old": …, "new": …} by dotted name, of one file, as DVC tells it.
Diff = Mapping[str, Mapping[str, Any]]
# What of the selected variant is shown, behind the primary metric, and of the others.
_FIGURES = ("bytes", "drop", "drop_low", "drop_high", "p_value", "n", "sqnr_db", "max_abs_error", "agreement", "arena_bytes")
_DERIVED = ("conf_digest", "checked", "variant_names", "simulation.")  # of other parameters
_ROWS = 12  # of parameters and of variants: all fits a screen


def story(base: str, *, metrics: Diff, latency: Diff, params: Diff, primary: str) -> str:
    """The Markdown.

    Args:
        base: name of what is compared with.
        metrics: of reports/metrics.json, what is unchanged too.
        latency: of reports/latency.json likewise; empty where the file is not at hand.
        params: of params.yaml.
        primary: the primary metric's name.
    """
    before, after = (_side(metrics, side) for side in ("old", "new"))
    if not before or not after:
        where, cure = ("here", "run `dvc repro`") if not after else (base, "it was not run there")
        return f"There is no reports/metrics.json {'' if where == 'here' else 'in '}{where}: {cure}.\n"
    old, new = (f"**{side['selected']}**" if side["selected"] else "nothing" for side in (before, after))
    head = f"{old} ships, as in {base}." if old == new else f"{new} ships, {old} in {base}."
    figures = _figures(metrics, latency, primary)
    lines = [head, ""]
    if figures:
        lines += [f"| figure | {base} | here | difference |", "|---|---:|---:|---:|", *figures, ""]
    else:
        lines += ["No figure of it changes.", ""]
    if rows := _variants(metrics, primary):
        lines += [
            f"| variant | bytes | {markdown.text(primary)} | verified |",
            "|---|---:|---:|---|",
            *_cut(rows, "| … | {} more | | |"),
            "",
        ]
    changed = _parameters(params)
    lines += [*_cut(changed, f"- … and {{}} more: `dvc params diff {base}`")] if changed else ["No parameter changes."]
    return "\n".join(lines) + "\n"


def _side(diff: Diff, side: str) -> dict[str, Any]:
    """Values by name; none where the file was not there."""
    values = {name: entry.get(side) for name, entry in diff.items()}
    return values if any(value is not None for value in values.values()) else {}


def _figures(metrics: Diff, latency: Diff, primary: str) -> list[str]:
    """A row for each figure of the selected variant that changes."""
    timed = {name: entry for name, entry in latency.items() if name == "latency_median_ms" and None not in entry.values()}
    found = {name: metrics[name] for name in (primary, "baseline", *_FIGURES, "conversion_verified") if name in metrics} | timed
    changed = {name: entry for name, entry in found.items() if entry.get("old") != entry.get("new")}
    cells = [
        (markdown.text(name) if name == primary else name, _text(entry.get("old")), _text(entry.get("new")), _difference(entry))
        for name, entry in changed.items()
    ]
    return [f"| {' | '.join(row)} |" for row in cells]


def _variants(metrics: Diff, primary: str) -> list[str]:
    """A row for each variant that comes, goes, or changes its bytes, its primary metric or its verdict."""
    shown = ("bytes", primary, "verified")
    rows: dict[str, dict[str, Mapping[str, Any]]] = {}
    for name, entry in metrics.items():
        if name.startswith("variants."):
            variant, _, figure = name.removeprefix("variants.").partition(".")
            rows.setdefault(variant, {})[figure] = entry
    lines = []
    for variant, row in sorted(rows.items()):
        # A variant that could not be built has no bytes, but a verdict.
        there = [any(entry.get(side) is not None for entry in row.values()) for side in ("old", "new")]
        if there != [True, True]:
            side, word = ("new", "new") if there[1] else ("old", "gone")
            cells = [_text(row.get(figure, {}).get(side)) for figure in shown]
            lines.append(f"| {variant} ({word}) | {' | '.join(cells)} |")
        elif any(row[figure].get("old") != row[figure].get("new") for figure in shown if figure in row):
            lines.append(f"| {variant} | {' | '.join(_move(row.get(figure, {})) for figure in shown)} |")
    return lines


def _parameters(params: Diff) -> list[str]:
    """An item for each parameter that changes; one for a variant or search that comes or goes, and none for what is derived."""
    whole, single = set[str](), []
    for name, entry in sorted(params.items()):
        group, _, rest = name.partition(".")
        key, _, option = rest.partition(".")
        if name.startswith(_DERIVED) or (group == "variants" and option.startswith("reads")):
            continue
        if group in ("variants", "searches") and option in ("engine", "scheme", "max_drop") and None in entry.values():
            whole.add(f"{group}.{key}")
            single.append(f"- `{group}.{key}`: {'new' if entry.get('old') is None else 'gone'}")
        else:
            single.append(f"- {markdown.code(name)}: {_value(entry.get('old'))} → {_value(entry.get('new'))}")
    own = tuple(f"- `{name}." for name in whole)
    return list(dict.fromkeys(line for line in single if not line.startswith(own))) if own else list(dict.fromkeys(single))


def _cut(lines: list[str], more: str) -> Iterable[str]:
    return lines if len(lines) <= _ROWS else [*lines[: _ROWS - 1], more.format(len(lines) - _ROWS + 1)]


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return "–" if value is None else f"{value:.4g}".replace("-", "−") if isinstance(value, float) else str(value)


def _difference(entry: Mapping[str, Any]) -> str:
    old, new = entry.get("old"), entry.get("new")
    if isinstance(old, bool) or not isinstance(old, (int, float)) or not isinstance(new, (int, float)):
        return ""
    change = new - old
    return (f"{change:+,}" if isinstance(change, int) else f"{change:+.3g}").replace("-", "−")


def _move(entry: Mapping[str, Any]) -> str:
    old, new = _text(entry.get("old")), _text(entry.get("new"))
    return new if entry.get("old") == entry.get("new") else f"{old} → {new}"


def _value(value: Any) -> str:
    return "none" if value is None else markdown.code(value)


def _dvc(kind: str, base: str, *options: str) -> dict[str, Diff]:
    """What `dvc metrics diff` and the like say, by file."""
    done = subprocess.run(["dvc", kind, "diff", "--json", *options, base], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise UserError(f"`dvc {kind} diff {base}` failed: {(done.stderr.strip().splitlines() or ['no message'])[0]}")
    return json.loads(done.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("base", nargs="?", default="HEAD")
    base = parser.parse_args().base
    metrics, params = _dvc("metrics", base, "--all"), _dvc("params", base)
    told = story(
        base,
        metrics=metrics.get(paths.METRICS.as_posix(), {}),
        latency=metrics.get(paths.LATENCY.as_posix(), {}),
        params=params.get(paths.PARAMS.as_posix(), {}),
        primary=config.read().task.primary_metric,
    )
    print(told, end="")


if __name__ == "__main__":
    run(main)
