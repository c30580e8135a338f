"""The two tables of the command: what ships of each network and why, and what is said of planted faults."""

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tests.trained.network import Network
from tests.trained.outcome import Outcome

# Letters of a reason.
_LONGEST = 130
_SHIPPED = ("network", "metric, n", "float32", "ships", "of float32", "drop", "int8: drop", "int8: dB", "refused, and why")
_SEEN = ("fault in int8", "planted", "do harm", "of these passed", "do none", "of these refused")
_PLANTED = ("network", "fault in int8", "drop", "dB", "harm", "verdict")


def shipped(rows: Mapping[str, tuple[Network, Outcome | None, str]]) -> str:
    """A row for each network.

    Args:
        rows: by name the network, its outcome, and what was said when there is none.
    """
    return _table(_SHIPPED, [_row(*row) for row in rows.values()])


def _row(network: Network, found: Outcome | None, said: str) -> list[str]:
    title = f"{network.name}: {network.what}"
    if found is None:
        return [title, "–", "–", "**no report**", "–", "–", "–", "–", said]
    chosen = found.variants[found.selected] if found.selected else {}
    size, plain = chosen.get("bytes"), found.variants["float32"].get("bytes")
    integer = found.variants.get("int8", {})
    why = "; ".join(f"{name}: {_short(reason)}" for name, reason in found.refused().items())
    return [
        title,
        f"{found.metric or 'no labels'}, {found.n}",
        _number(found.variants["float32"].get(found.metric or ""), ".4g"),
        found.selected or "**nothing**",
        f"{100 * float(size) / float(plain):.0f} %" if size and plain else "–",
        _number(chosen.get("drop"), ".2g"),
        _number(integer.get("drop"), ".2g"),
        _number(integer.get("sqnr_db"), ".1f"),
        why or "–",
    ]


@dataclass(frozen=True, kw_only=True)
class Planted:
    """What is said of a fault, and whether it does harm."""

    network: str
    fault: str
    found: Outcome
    harmful: bool

    def missed(self, variant: str) -> bool:
        """It does harm, and verification lets it pass."""
        return self.harmful and self.found.variants[variant].get("verified") is True


def planted(rows: Sequence[Planted], *, variant: str) -> str:
    """A row for each fault; `variant` is that in which it is."""
    body = []
    for row in rows:
        figures, why = row.found.variants[variant], row.found.refused().get(variant)
        verdict = ("**missed**; " if row.missed(variant) else "") + (f"refused: {_short(why)}" if why else "passed")
        drop, decibels = _number(figures.get("drop"), ".2g"), _number(figures.get("sqnr_db"), ".1f")
        body.append([row.network, row.fault, drop, decibels, "yes" if row.harmful else "no", verdict])
    return _table(_PLANTED, body)


def seen(rows: Sequence[Planted], *, variant: str) -> str:
    """A row for each kind of fault: how often it does harm, and is refused by verification; `variant` is that in which it is."""
    body = []
    for fault in dict.fromkeys(row.fault for row in rows):
        of = [row for row in rows if row.fault == fault]
        harmful = [row for row in of if row.harmful]
        alarms = sum(row.found.variants[variant].get("verified") is not True for row in of if not row.harmful)
        missed = sum(row.missed(variant) for row in of)
        body.append([fault, str(len(of)), str(len(harmful)), str(missed), str(len(of) - len(harmful)), str(alarms)])
    return _table(_SEEN, body)


def _short(reason: str) -> str:
    """What happened, without what to do; reports/summary.md of the project has it in full."""
    return textwrap.shorten(reason.split("; ")[0], _LONGEST, placeholder=" …")


def _number(value: object, form: str) -> str:
    return format(value, form) if isinstance(value, int | float) else "–"


def _table(head: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    rule = ["---:" if title in ("float32", "of float32", "drop", "int8: drop", "int8: dB", "dB") else "---" for title in head]
    return "".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |\n" for line in (head, rule, *body))
