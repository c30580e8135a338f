"""One mutation tried: the command runs in a copy of the project, and what comes of it is an answer or is wrong."""

import contextlib
import functools
import io
import os
import re
import resource
import shutil
import tempfile
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from pipeline.runtime import trial
from pipeline.system import boundary
from tests.mutations.case import Mutation
from tests.mutations.commands import COMMANDS

REFUSED, ACCEPTED = "refused", "accepted"
# What is wrong. A crash and a hang are seen from outside (`server`).
TRACEBACK, CRASH, HANG, LEFTOVERS, WORDS, INSANE, MEMORY = (
    "traceback", "crash", "hang", "leftovers", "message", "nonsense written", "memory",
)  # fmt: skip
WRONG = (TRACEBACK, CRASH, HANG, MEMORY, LEFTOVERS, INSANE, WORDS)
# How much more than before a command may ask the system for, in bytes.
MEMORY_LIMIT = 2 * 2**30
_TRACEBACK = "Traceback (most recent call last)"
# Exit codes of processes that a signal ends, in a shell.
_BY_SIGNAL = 128
_SECONDS, _GIGABYTES = 10.0, 1.0
_MOST_LINES, _MOST_LETTERS, _MOST_FAULTS = 2, 1000, 11
_FAULT = re.compile(r"(error:| ) (params\.yaml|conf): ")


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What came of a mutation: `kind`, and what was said or raised, in a line or two."""

    kind: str
    said: str


def attempt(mutation: Mutation, folder: Path) -> Answer:
    """Run the command on a mutation.

    Args:
        mutation: the damaged file.
        folder: an empty one, to be removed afterwards, which also takes the command's temporary files.
    """
    project, temporary = folder / "project", folder / "tmp"
    shutil.copytree(mutation.case.project, project, symlinks=True)
    temporary.mkdir()
    (project / mutation.target).write_bytes(mutation.content)
    before = _listing(project)
    # A file, as a command may answer from a process of its own.
    with (folder / "said").open("w+", encoding="utf-8", errors="replace") as said, _inside(project, temporary):
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(said):
            answer = _run(mutation, said)
        if answer.kind == ACCEPTED:
            answer = _sane(mutation) or answer
    # Temporary files of the system lie in a folder of each process, which is removed with it (`pipeline.system.leftovers`).
    after = _listing(project)
    left = [name for name in after if name.endswith(".tmp") or (answer.kind == REFUSED and name not in before)]
    gone = sorted(set(before) - set(after))
    if answer.kind in (REFUSED, ACCEPTED) and (left or gone):
        return Answer(kind=LEFTOVERS, said=f"after {answer.said!r}: left {left[:5]}, gone {gone[:5]}")
    return answer


def _run(mutation: Mutation, said: TextIO) -> Answer:
    try:
        COMMANDS[mutation.case.command].run()
    except SystemExit as ended:
        return _ended(ended.code, said, mutation)
    except MemoryError as error:
        return Answer(kind=MEMORY, said=_last(error))
    except BaseException as error:  # whatever leaves a command but its exit is a traceback for the user
        return Answer(kind=TRACEBACK, said=_last(error))
    return Answer(kind=ACCEPTED, said="")


def _ended(code: str | int | None, said: TextIO, mutation: Mutation) -> Answer:
    said.flush()
    said.seek(0)
    text = code if isinstance(code, str) else said.read().strip()
    if _TRACEBACK in text:
        lines = text[text.rindex(_TRACEBACK) :].splitlines()
        place = next((line.strip() for line in reversed(lines) if "/pipeline/" in line), "")
        return Answer(kind=TRACEBACK, said=f"{lines[-1][:300]} at {place}")
    if isinstance(code, int) and code >= _BY_SIGNAL:
        return Answer(kind=CRASH, said=text[-300:])
    if not code or (code == 1 and mutation.case.command.startswith("audit") and "error: " not in text):
        return Answer(kind=ACCEPTED, said=f"exit code {code or 0}")
    return _refused(text, mutation)


def _refused(text: str, mutation: Mutation) -> Answer:
    # Libraries may have warned before.
    text = text[text.find("\nerror: ") + 1 :]
    lines = text.split("\n")
    if not text.startswith("error: "):
        return Answer(kind=WORDS, said=f"no error, or not by itself: {text[:300]!r}")
    # Of a configuration every fault is named, a line each.
    most = _MOST_FAULTS if all(_FAULT.match(line) for line in lines) else _MOST_LINES
    if len(lines) > most or len(text) > _MOST_LETTERS * most / 2:
        return Answer(kind=WORDS, said=f"{len(lines)} lines, {len(text)} letters: {text[:500]!r}")
    if any(not letter.isprintable() and letter != "\n" for letter in text):
        return Answer(kind=WORDS, said=f"control characters: {text[:300]!r}")
    if not any(name in text for name in mutation.case.named):
        return Answer(kind=WORDS, said=f"names neither file nor setting: {text[:300]!r}")
    return Answer(kind=REFUSED, said="\n".join(lines))


def _sane(mutation: Mutation) -> Answer | None:
    try:
        found = next(COMMANDS[mutation.case.command].insane(), None)
    except Exception as error:  # what was written cannot be read
        found = _last(error)
    return None if found is None else Answer(kind=INSANE, said=found)


def _last(error: BaseException) -> str:
    """Type and words of an error, and where of ours it was last."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "/pipeline/" in frame.filename] or frames
    deepest = frames[-1]
    where = f"{Path(ours[-1].filename).name}:{ours[-1].lineno}, {Path(deepest.filename).name}:{deepest.lineno}"
    return f"{type(error).__name__} at {where}: {str(error)[:200]!r}"


def lower_limits() -> None:
    """What the configuration leaves a file is 10 minutes and the memory of a machine: here it is less, or the suite takes hours."""
    own = boundary.limits

    def lower(*, seconds: float, gigabytes: float) -> contextlib.AbstractContextManager[None]:
        return own(seconds=min(seconds, _SECONDS * busy()), gigabytes=min(gigabytes, _GIGABYTES))

    boundary.limits = lower  # type: ignore[assignment]
    trial.refusal = functools.partial(trial.refusal, seconds=_SECONDS)


def busy() -> float:
    """How many times as long everything takes as on a machine with nothing else to do, by the processes that wait for a core."""
    return max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


def _listing(folder: Path) -> list[str]:
    paths = (path for path in folder.rglob("*") if "__pycache__" not in path.parts and not path.is_dir())
    return sorted(str(path.relative_to(folder)) for path in paths)


@contextlib.contextmanager
def _inside(project: Path, temporary: Path) -> Iterator[None]:
    """The process in the project's folder, with temporary files and memory of its own."""
    before = Path.cwd(), tempfile.tempdir, os.environ.get("TMPDIR")
    os.chdir(project)
    tempfile.tempdir, os.environ["TMPDIR"] = str(temporary), str(temporary)
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (_taken() + MEMORY_LIMIT, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
        os.chdir(before[0])
        tempfile.tempdir = before[1]
        if before[2] is None:
            del os.environ["TMPDIR"]
        else:
            os.environ["TMPDIR"] = before[2]


def _taken() -> int:
    """Bytes of address space of this process."""
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
