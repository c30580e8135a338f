"""Rows as a table for a terminal or as Markdown, never wider than asked for."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

# To so many letters any heading may be cut.
_SHORTEST = 5


@dataclass(kw_only=True)
class Column:
    """A column of texts.

    Attributes:
        heading: over it.
        cells: of every row.
        right: numbers stand to the right.
        least: it may be cut to this width; None: it may not be cut.
        given_up: in which order columns are left out where there is no room; None: never.
        name: in full, for what is said of it when it is left out.
        widest: how many columns of the terminal the widest cell takes.
        width: how many this column takes.
    """

    heading: str
    cells: list[str]
    right: bool = False
    least: int | None = None
    given_up: int | None = None
    name: str = ""
    widest: int = field(init=False)
    width: int = field(init=False)

    def __post_init__(self) -> None:
        self.widest = max(map(wide, {*self.cells}), default=0)
        self.width = max(1, wide(self.heading), self.widest)


def table(columns: Sequence[Column], *, width: int, markdown: bool) -> tuple[list[str], list[str]]:
    """The lines of the table, and the names of the columns for which there was no room.

    Room is made step by step, as far as needed: the gaps, headings that are wider than what stands below, cells that may be cut
    (the widest first), and at last whole columns, the last of the highest `given_up` first.
    """
    shown, left = list(columns), list[str]()
    gaps = [_Gap(" | ", "| ", " |"), _Gap("|", "|", "|")] if markdown else [_Gap("  "), _Gap(" ")]

    def over() -> int:
        return gaps[0].width(len(shown)) + sum(column.width for column in shown) - width

    while over() > 0:
        headed = [column for column in shown if column.width > max(_SHORTEST, column.widest)]
        cuttable = [column for column in shown if column.least is not None and column.width > column.least]
        spare = [column for column in shown if column.given_up is not None]
        possible = sum(
            column.width - max(column.least or 0, min(column.width, _SHORTEST))
            for column in {id(c): c for c in [*headed, *cuttable]}.values()
        )
        if len(gaps) > 1:
            gaps.pop(0)
        elif spare and possible < over():
            gone = max(reversed(spare), key=lambda column: column.given_up or 0)
            shown.remove(gone)
            left.insert(0, gone.name or gone.heading)
        elif headed or cuttable:
            max(headed or cuttable, key=lambda column: column.width).width -= 1
        else:
            break
    texts = [[cut(column.heading, column.width, end=True), *_cut(column.cells, column.width)] for column in shown]
    padded = [
        [padding(text, column.width, right=column.right) for text in cells] for column, cells in zip(shown, texts, strict=True)
    ]
    lines = [list(line) for line in zip(*padded, strict=True)]
    if markdown:
        lines.insert(1, ["-" * (column.width - 1) + (":" if column.right else "-") for column in shown])
    return [gaps[0].line(line) for line in lines], left


class _Gap(NamedTuple):
    """What stands between columns, before the first and behind the last."""

    between: str
    before: str = ""
    behind: str = ""

    def width(self, count: int) -> int:
        return len(self.before) + len(self.between) * (count - 1) + len(self.behind)

    def line(self, cells: Sequence[str]) -> str:
        return f"{self.before}{self.between.join(cells)}{self.behind}".rstrip()


def wide(text: str) -> int:
    """How many columns of a terminal a text takes."""
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def padding(text: str, width: int, *, right: bool) -> str:
    """A text with the blanks that bring it to a width."""
    blanks = " " * (width - wide(text))
    return blanks + text if right else text + blanks


def cut(text: str, width: int, mark: str = "…", *, end: bool = False) -> str:
    """A text with a mark in place of its middle, where it is too wide, as both ends of a name tell something; or of its end."""
    if wide(text) <= width:
        return text
    room = max(0, width - wide(mark))
    kept = 0 if end else room // 3
    head, tail = text[: room - kept], text[len(text) - kept :] if kept else ""
    while wide(head) + wide(tail) > room:
        head = head[:-1]
    return head + mark + tail


def _cut(cells: Sequence[str], width: int) -> list[str]:
    """Every cell cut, with a number where different ones would look the same."""
    short, taken = dict[str, str](), set[str]()
    for cell in dict.fromkeys(cells):
        found, number = cut(cell, width), 0
        while found in taken and wide(cell) > width:
            number += 1
            found = cut(cell, width, f"…{number}…")
        short[cell] = found
        taken.add(found)
    return [short[cell] for cell in cells]


def sentences(parts: Sequence[str], *, width: int) -> list[str]:
    """Sentences as lines no wider than `width`; a word that is wider is cut."""
    lines: list[str] = []
    for part in parts:
        line = ""
        for word in (cut(word, width) for word in part.split()):
            if line and wide(line) + 1 + wide(word) > width:
                lines.append(line)
                line = word
            else:
                line = f"{line} {word}" if line else word
        lines.append(line)
    return lines
