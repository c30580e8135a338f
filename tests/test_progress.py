"""Bars are for terminals; elsewhere tqdm is not even imported."""

import subprocess
import sys

import pytest

from pipeline import progress
from tests.helpers import ROOT


class Terminal:
    """What stderr is when somebody watches."""

    def __init__(self) -> None:
        self.written = ""

    def write(self, text: str) -> int:
        self.written += text
        return len(text)

    def flush(self) -> None: ...

    def isatty(self) -> bool:
        return True


def watched_terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Not a fixture: pytest puts its own stderr back between a fixture and its test."""
    watched = Terminal()
    monkeypatch.setattr(sys, "stderr", watched)
    return watched


def test_items_are_the_same_with_and_without_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = watched_terminal(monkeypatch)
    assert list(progress.over(range(3), doing="hash")) == [0, 1, 2]
    assert "hash: 100%" in terminal.written
    monkeypatch.setattr(terminal, "isatty", lambda: False)
    before = terminal.written
    assert list(progress.over(iter("ab"), doing="hash", total=2)) == ["a", "b"]
    assert terminal.written == before


def test_counting(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = watched_terminal(monkeypatch)
    with progress.counting(4, doing="predict int8") as done:
        done()
        done(3)
    assert "predict int8: 100%" in terminal.written
    assert "4/4" in terminal.written
    monkeypatch.setattr(terminal, "isatty", lambda: False)
    before = terminal.written
    with progress.counting(4, doing="predict") as done:
        done(2)
    assert terminal.written == before


def test_tqdm_is_not_imported_where_nobody_watches() -> None:
    script = (
        "import sys\nfrom pipeline import predict, progress\nlist(progress.over([1], doing='x'))\nsys.exit('tqdm' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=False, stderr=subprocess.DEVNULL).returncode == 0
