"""Text that people edit: tables with cells changed, YAML with keys, types and tags changed."""

import re

import numpy as np

from tests.mutations.case import Change

_CELLS = (
    "", " ", "x", "nan", "NaN", "inf", "-inf", "1e999", "-1e-999", "1e38", "1e39", "0x10", "1_000", "1,5", "1;5", "'1", '"',
    '""', '"a', "\t", "9" * 400, "a" * 200_000, "é", "½", "−1", "=1+1", "None", "null", "True", "1.0.0", "\0", "\ufeff",
    "\u2028", "2020-01-01", "1e5j",
)  # fmt: skip


def _cell(rng: np.random.Generator) -> str:
    return _CELLS[int(rng.integers(len(_CELLS)))]


def cell_changed(content: bytes, rng: np.random.Generator) -> bytes:
    lines = content.decode().splitlines()
    at = int(rng.integers(len(lines))) if rng.random() < 0.8 else 0
    cells = lines[at].split(",")
    cells[int(rng.integers(len(cells)))] = _cell(rng)
    lines[at] = ",".join(cells)
    return "\n".join([*lines, ""]).encode("utf-8", "surrogatepass")


def rows_changed(content: bytes, rng: np.random.Generator) -> bytes:
    lines = content.decode().splitlines()
    at = int(rng.integers(len(lines)))
    ways: tuple[list[str], ...] = (
        lines[:at],
        lines[1:],
        lines[:1],
        [lines[0], *lines],
        [*lines[:at], lines[at] + ",1,2,3", *lines[at + 1 :]],
        [*lines[:at], lines[at].split(",")[0], *lines[at + 1 :]],
        [*lines[:at], "", *lines[at:]],
        [*lines[:at], lines[-1], *lines[at:]],
        [line.replace(",", (";", "\t", ",,", " ")[at % 4]) for line in lines],
        [line + "," for line in lines],
        [*lines[:at], '"' + lines[at], *lines[at + 1 :]],
        [",".join([lines[0]] * 2), *lines[1:]],
        [lines[0].upper(), *lines[1:]],
    )
    return "\n".join([*ways[int(rng.integers(len(ways)))], ""]).encode()


def encoded(content: bytes, rng: np.random.Generator) -> bytes:
    text = content.decode()
    ways = (
        text.encode("utf-16"),
        b"\xef\xbb\xbf" + content,
        text.encode("utf-32"),
        text.replace("\n", "\r").encode(),
        text.replace("\n", "\r\n\n").encode(),
        content.replace(b"a", b"\xe9"),
        b"PK\x03\x04" + content,
        b"\x1f\x8b" + content,
    )
    return ways[int(rng.integers(len(ways)))]


CSV: tuple[Change, ...] = (cell_changed, cell_changed, cell_changed, rows_changed, encoded)

_SCALARS = (
    "null", "~", "true", "no", "0", "-1", "1", "0.5", "1.5", ".nan", ".inf", "1e400", "9" * 30, "9" * 5000, "0o17", "0x1F",
    "1_000", "12:30:45", "2020-01-01", "2020-13-45", "''", '"\\x00"', '"\\ud800"', "x", "é", "[]", "{}", "[1, [2, [3]]]",
    "{a: 1}", "{1: 2}", "{[1, 2]: 3}", "{null: 1}", "!!python/object/apply:os.getcwd []", "!!python/name:os.getcwd",
    "!nonsense x", "!!binary aGVsbG8=", "!!binary '*'", "!!set {a, b}", "!!omap [a: 1]", "!!timestamp x", "!!int x", "!!float x",
    "!!null x", "!!str 1", "!!seq {}", "!!map []", "!!bool maybe", "&a [*a]", "*unknown", "<<: 1", "|\n  text", ">\n  text",
    "? a", "- a", "'open", '"open', "[open", "{open", "${oops}", "${check:}", "???", "${oc.env:HOME}", "${.a.b}", "@x", "`x`",
    "%x", "[" * 2000, "{a: " * 500, "=", "a: b: c", "\tx", "../../../etc/passwd", "a" * 100_000, "&a {<<: *a}",
    "!!python/tuple [1]", "key: &x value", "1.", ".5", "+1", "0b11", "1e3", "<<",
)  # fmt: skip
_LINE = re.compile(r"^(\s*(?:- )?)([\w.@/-]+):(?: (.*))?$")


def scalar_changed(content: bytes, rng: np.random.Generator) -> bytes:
    """The value of a key becomes another; so many keys that hold nothing but others do, too."""
    lines = content.decode().splitlines()
    places = [number for number, line in enumerate(lines) if _LINE.match(line)]
    at = places[int(rng.integers(len(places)))]
    found = _LINE.match(lines[at])
    assert found is not None
    lines[at] = f"{found[1]}{found[2]}: {_SCALARS[int(rng.integers(len(_SCALARS)))]}"
    return "\n".join([*lines, ""]).encode("utf-8", "surrogatepass")


def lines_changed(content: bytes, rng: np.random.Generator) -> bytes:
    lines = content.decode().splitlines()
    at, other = (int(rng.integers(len(lines))) for _ in range(2))
    aliases = ["a0: &a0 [x, x]", *(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 9))]
    ways: tuple[list[str], ...] = (
        [*lines[:at], *lines[at + 1 :]],
        [*lines[:at], lines[at], *lines[at:]],
        [*lines[:at], lines[other], *lines[at + 1 :]],
        [*lines[:at], "  " + lines[at], *lines[at + 1 :]],
        [*lines[:at], lines[at].lstrip(), *lines[at + 1 :]],
        [*lines[:at], "\t" + lines[at], *lines[at + 1 :]],
        [*lines[:at], "---", *lines[at:]],
        [*lines[:at], "...", *lines[at:]],
        [*lines[:at], _SCALARS[int(rng.integers(len(_SCALARS)))], *lines[at:]],
        [*lines[:at], re.sub(r"[\w.]+:", lambda found: f"{found[0][:-1]}x:", lines[at], count=1), *lines[at + 1 :]],
        [*lines, *aliases],
        ["%YAML 9.9", "---", *lines],
        ["- a", *lines],
        [],
        ["text"],
        ["# only a remark"],
        ["[1, 2]"],
    )
    return "\n".join([*ways[int(rng.integers(len(ways)))], ""]).encode("utf-8", "surrogatepass")


YAML: tuple[Change, ...] = (scalar_changed, scalar_changed, scalar_changed, lines_changed, lines_changed, encoded)
