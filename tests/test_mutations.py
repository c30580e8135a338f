"""Damaged files of every format end in an answer; and the suite that says so counts each kind of wrong answer as wrong."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.helpers import ROOT
from tests.mutations import attempt, case, commands, of_bytes, server, table
from tests.mutations.case import Attack, Case, Mutation
from tests.mutations.commands import Command
from tests.mutations.formats import FORMATS

NAME = "network.bin"
# Those that need no TensorFlow.
QUICK = ("npz", "npz_compressed", "npy", "png", "jpeg", "bmp", "webp", "wav", "flac", "csv", "parquet", "params.yaml")


def campaign(count: int, *only: str) -> str:
    """What `make mutations` prints; in a process of its own, as forks of one that has used TensorFlow may hang."""
    command = [sys.executable, "-m", "tests.mutations", "--count", str(count), "--only", *(only or FORMATS)]
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
    return done.stdout


def total(printed: str) -> list[int]:
    """Tried, refused, accepted and wrong in all."""
    (row,) = re.findall(r"^\| all \| (.*) \|$", printed, re.MULTILINE)
    return [int(cell.replace(",", "")) for cell in row.split(" | ")]


def test_damaged_files_end_in_an_answer() -> None:
    tried, refused, accepted, wrong = total(campaign(200, *QUICK))
    assert (tried, wrong) == (200, 0)
    assert refused > 20
    assert accepted > 20


@pytest.mark.slow
def test_damaged_files_of_every_format_end_in_an_answer() -> None:
    tried, refused, accepted, wrong = total(campaign(2000))
    assert (tried, wrong) == (2000, 0)
    assert refused > 500
    assert accepted > 200


def test_the_table_of_readme_is_of_all_formats_and_ten_thousand() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"^\| damaged files .*\n\|.*\n((?:\|.*\n)+)", readme, re.MULTILINE)
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in shown.splitlines()]
    assert [row[0] for row in rows] == [*(format.title for format in FORMATS.values()), "all"]
    figures = [[int(cell.replace(",", "")) for cell in row[1:]] for row in rows]
    assert [sum(column) for column in zip(*figures[:-1], strict=True)] == figures[-1]
    assert all(tried == refused + accepted for tried, refused, accepted, _ in figures)
    assert figures[-1][0] >= 10_000
    assert figures[-1][-1] == 0


def well() -> None:
    Path("written").write_text("whole")


def refuses() -> None:
    sys.exit(f"error: model.path: {NAME} is not readable; copy it again")


def raises() -> None:
    raise KeyError("of a library")


def hangs() -> None:
    time.sleep(60)


def ends_the_process() -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def exits_without_a_word() -> None:
    os._exit(0)


def half_written() -> None:
    Path(".written.1.tmp").write_text("ha")
    refuses()


def written_and_refused() -> None:
    well()
    refuses()


def removes_the_old() -> None:
    Path(NAME).unlink()
    refuses()


def takes_memory() -> None:
    np.ones(3 * 2**30, np.uint8)


def says_too_much() -> None:
    sys.exit(f"error: {NAME}: one\ntwo\nthree")


def says_too_little() -> None:
    sys.exit("error: damaged")


def says_what_a_terminal_obeys() -> None:
    sys.exit(f"error: {NAME}: \x1b[2J")


def prints_a_traceback() -> None:
    print('Traceback (most recent call last):\n  File "/pipeline/x.py"\nKeyError: 1', file=sys.stderr)
    sys.exit(1)


def ended_by_a_signal_elsewhere() -> None:
    print("error: the process was ended by SIGSEGV", file=sys.stderr)
    sys.exit(139)


PLANTED: dict[str, tuple[Callable[[], None], str]] = {
    "well": (well, attempt.ACCEPTED),
    "refuses": (refuses, attempt.REFUSED),
    "raises": (raises, attempt.TRACEBACK),
    "prints a traceback": (prints_a_traceback, attempt.TRACEBACK),
    "hangs": (hangs, attempt.HANG),
    "ends the process": (ends_the_process, attempt.CRASH),
    "exits without a word": (exits_without_a_word, attempt.CRASH),
    "ended elsewhere": (ended_by_a_signal_elsewhere, attempt.CRASH),
    "half-written": (half_written, attempt.LEFTOVERS),
    "written and refused": (written_and_refused, attempt.LEFTOVERS),
    "removes the old": (removes_the_old, attempt.LEFTOVERS),
    "takes memory": (takes_memory, attempt.MEMORY),
    "says too much": (says_too_much, attempt.WORDS),
    "says too little": (says_too_little, attempt.WORDS),
    "says what a terminal obeys": (says_what_a_terminal_obeys, attempt.WORDS),
    "writes nonsense": (well, attempt.INSANE),
}


def nothing() -> Iterator[str]:
    yield from ()


def nonsense() -> Iterator[str]:
    yield "a sample of NaN"


@pytest.fixture
def sound(tmp_path: Path) -> Case:
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / NAME).write_bytes(bytes(range(256)))
    return Case(project=tmp_path / "project", targets=(NAME,), command="", named=(NAME,))


def test_every_planted_fault_is_counted(sound: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All in one batch, so that what follows a crash or a hang is tried, too."""
    names = list(PLANTED)
    for name, (function, _) in PLANTED.items():
        insane = nonsense if name == "writes nonsense" else nothing
        monkeypatch.setitem(commands.COMMANDS, name, Command(function, insane))
    monkeypatch.setattr(server, "busy", lambda: 1.0)

    def draw(format: str, number: int) -> Mutation:
        planted = Case(project=sound.project, targets=sound.targets, command=names[number], named=sound.named)
        return Mutation(case=planted, attack=names[number], target=NAME, content=bytes([number]))

    keep = tmp_path / "keep"
    keep.mkdir()
    found = list(server.outcomes([("planted", range(len(names)))], draw, keep=keep, workers=1, seconds=2))
    assert {outcome.attack: outcome.answer.kind for outcome in found} == {name: kind for name, (_, kind) in PLANTED.items()}
    wrong = {name for name, (_, kind) in PLANTED.items() if kind in attempt.WRONG}
    assert len(wrong) == len(PLANTED) - 2
    assert {kind for _, kind in PLANTED.values()} == {*attempt.WRONG, attempt.ACCEPTED, attempt.REFUSED}
    # The damaged file stays for whoever mends it, under a name that tells how to draw it again.
    assert sorted(keep.iterdir()) == sorted(keep / f"planted-{names.index(name)}-{NAME}" for name in wrong)
    printed = table.markdown(found, {"planted": "planted"})
    assert f"| {len(PLANTED)} | 1 | 1 | {len(wrong)} (" in printed.splitlines()[-1]
    assert len(table.wrong(found, seed=0)) == len(wrong)


def test_a_mutation_that_cannot_be_drawn_is_a_fault_of_the_suite(tmp_path: Path) -> None:
    def draw(format: str, number: int) -> Mutation:
        raise ValueError("broken")

    with pytest.raises(RuntimeError, match=r"mutation 7 of planted could not be tried: (?s:.*)ValueError: broken"):
        list(server.outcomes([("planted", [7])], draw, keep=tmp_path, workers=1, seconds=20))


def test_numbers_stand_for_mutations(sound: Case) -> None:
    attacks = [Attack(name="bytes", changes=of_bytes.BYTES)]
    drawn = [case.draw([sound], attacks, seed=(0, number)).content for number in range(300)]
    assert drawn == [case.draw([sound], attacks, seed=(0, number)).content for number in range(300)]
    assert len({*drawn}) > 200
    assert sum(content == (sound.project / NAME).read_bytes() for content in drawn) < 30


def test_no_format_that_is_read_is_left_out() -> None:
    from pipeline.dataset import image_folder, wav_folder
    from pipeline.source import loaders

    assert {*loaders.LOADERS} <= {*FORMATS}
    endings = {".jpg": "jpeg", ".jpeg": "jpeg"}
    for suffix in (*image_folder._SUFFIXES, *wav_folder._SUFFIXES):
        assert endings.get(suffix, suffix.removeprefix(".")) in FORMATS
