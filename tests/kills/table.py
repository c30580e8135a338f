"""The table of the command."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field


@dataclass
class Row:
    """What became of the kills of one stage in one way.

    Attributes:
        tried: kills.
        answered: completing runs that ended well.
        late: runs that ended before their kill, which are completed and compared as well.
        wrong: what was not as before, a text for each time.
    """

    stage: str
    kind: str
    tried: int = 0
    answered: int = 0
    late: int = 0
    wrong: list[str] = field(default_factory=list)

    def said(self) -> str:
        """What was wrong, for a line of progress."""
        return "".join(f"; wrong: {what}" for what in self.wrong)


def printed(rows: Sequence[Row]) -> str:
    """A Markdown table: a row for each stage, for each way, and for all."""
    lines = ["| attack | tried | answered | wrong |", "|---|---:|---:|---:|"]
    lines += _sums(rows, lambda row: f"`{row.stage}`")
    lines += _sums(rows, lambda row: f"killed: {row.kind}")
    lines += _sums(rows, lambda row: "all")
    return "".join(f"{line}\n" for line in lines)


def _sums(rows: Iterable[Row], by: Callable[[Row], str]) -> list[str]:
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(by(row), []).append(row)
    lines = []
    for name, group in groups.items():
        tried, answered, wrong = (sum(counts) for counts in zip(*((r.tried, r.answered, len(r.wrong)) for r in group), strict=True))
        lines.append(f"| {name} | {tried} | {answered} | {wrong} |")
    return lines
