"""Thousands of attempts in minutes: forks of one process that has all libraries imported and has used none of them.

A fork tries a batch of mutations, one after another. When one ends the process, or gives no answer in time, the rest of its batch
is tried by a new fork.
"""

import contextlib
import faulthandler
import os
import shutil
import signal
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from pathlib import Path

from tests.mutations.attempt import CRASH, HANG, WRONG, Answer, attempt, busy
from tests.mutations.case import Mutation

_TICK = 0.05
_OWN_FAULT = 113  # exit code of a fork in which the suite itself fails


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of mutation `number` of a format; `kept` is the damaged file, where it is wrong."""

    format: str
    number: int
    attack: str
    answer: Answer
    seconds: float
    kept: Path | None


@dataclass(kw_only=True)
class _Child:
    pid: int
    pipe: Connection
    format: str
    todo: list[int]
    since: float = field(default_factory=time.monotonic)
    attack: str = "?"


def outcomes(
    batches: Sequence[tuple[str, Sequence[int]]],
    draw: Callable[[str, int], Mutation],
    *,
    keep: Path,
    workers: int,
    seconds: float,
    prepare: Callable[[], None] = lambda: None,
) -> Iterator[Outcome]:
    """Try mutations, in no particular order.

    Args:
        batches: a format and numbers of mutations of it; each batch begins in a process of its own.
        draw: the mutation of a format and number; it must not fail.
        keep: folder for the damaged files of those that are wrong.
        workers: processes at once.
        seconds: without an answer, after which a mutation has hung; more on a machine that is busy with other things.
        prepare: run by each process before its first mutation.

    Raises:
        RuntimeError: when a process ends between two mutations, or a mutation cannot be tried: a fault of the suite.
    """
    queue = [(format, list(numbers)) for format, numbers in batches][::-1]
    active: list[_Child] = []
    with own_folder() as temporary:
        try:
            while queue or active:
                while queue and len(active) < workers:
                    active.append(_started(*queue.pop(), draw, keep, temporary, prepare))
                wait([child.pipe for child in active], _TICK)
                for child in list(active):
                    yield from _heard(child, keep)
                    ended, status = os.waitpid(child.pid, os.WNOHANG)
                    if not ended and time.monotonic() - child.since < seconds * busy():
                        continue
                    if not ended:
                        _kill(child.pid)
                        os.waitpid(child.pid, 0)
                    else:
                        _kill(child.pid)  # what it has started
                    yield from _heard(child, keep)
                    active.remove(child)
                    child.pipe.close()
                    if not child.todo:
                        continue
                    if ended and os.WIFEXITED(status) and os.WEXITSTATUS(status) == _OWN_FAULT:
                        fault = (keep / "fault.txt").read_text(encoding="utf-8")
                        raise RuntimeError(f"mutation {child.todo[0]} of {child.format} could not be tried: {fault}")
                    said = f"no answer in {seconds:g} s" if not ended else _how(status)
                    yield _outcome(child, Answer(kind=CRASH if ended else HANG, said=said), keep)
                    if child.todo:
                        queue.append((child.format, child.todo))
        finally:
            for child in active:
                _kill(child.pid)
                os.waitpid(child.pid, 0)


@contextlib.contextmanager
def own_folder() -> Iterator[Path]:
    """A temporary folder. That of `tempfile` would also be removed by each fork that ends as a process does."""
    folder = Path(tempfile.mkdtemp(prefix="mutations-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _started(
    format: str, numbers: list[int], draw: Callable[[str, int], Mutation], keep: Path, temporary: Path, prepare: Callable[[], None]
) -> _Child:
    receiver, sender = Pipe(duplex=False)
    pid = os.fork()
    if pid == 0:
        code = _OWN_FAULT
        try:
            os.setpgid(0, 0)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            receiver.close()
            _serve(sender, format, numbers, draw, keep, temporary, prepare)
            code = 0
        except BaseException:
            (keep / "fault.txt").write_text(traceback.format_exc(), encoding="utf-8")
        finally:
            os._exit(code)
    sender.close()
    return _Child(pid=pid, pipe=receiver, format=format, todo=numbers)


def _serve(
    sender: Connection,
    format: str,
    numbers: Sequence[int],
    draw: Callable[[str, int], Mutation],
    keep: Path,
    temporary: Path,
    prepare: Callable[[], None],
) -> None:
    faulthandler.disable()  # pytest's: a crash is counted, not shown
    # What native libraries print.
    nowhere = os.open(os.devnull, os.O_WRONLY)
    if "MUTATIONS_SHOW" not in os.environ:
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
    prepare()
    for number in numbers:
        mutation = draw(format, number)
        _kept(keep, format, number, mutation.target).write_bytes(mutation.content)
        sender.send((mutation.attack, mutation.target, None, 0.0))
        folder = temporary / f"{format}-{number}"
        folder.mkdir()
        began = time.monotonic()
        answer = attempt(mutation, folder)
        shutil.rmtree(folder, ignore_errors=True)
        sender.send((mutation.attack, mutation.target, answer, time.monotonic() - began))


def _heard(child: _Child, keep: Path) -> Iterator[Outcome]:
    try:
        while child.pipe.poll():
            child.attack, _, answer, took = child.pipe.recv()
            child.since = time.monotonic()
            if answer is not None:
                yield _outcome(child, answer, keep, took)
    except EOFError:
        return


def _outcome(child: _Child, answer: Answer, keep: Path, seconds: float | None = None) -> Outcome:
    number = child.todo.pop(0)
    (kept,) = keep.glob(f"{child.format}-{number}-*") or (None,)
    if kept is not None and answer.kind not in WRONG:
        kept.unlink()
        kept = None
    took = time.monotonic() - child.since if seconds is None else seconds
    return Outcome(format=child.format, number=number, attack=child.attack, answer=answer, seconds=took, kept=kept)


def _kept(keep: Path, format: str, number: int, target: str) -> Path:
    return keep / f"{format}-{number}-{Path(target).name}"


def _kill(pid: int) -> None:
    """A process that was started here, and its own children."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _how(status: int) -> str:
    if os.WIFSIGNALED(status):
        return f"the process was ended by {signal.Signals(os.WTERMSIG(status)).name}"
    return f"the process ended with exit code {os.WEXITSTATUS(status)}"
