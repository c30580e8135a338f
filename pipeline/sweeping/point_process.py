"""One point, run in a worker's clone by a process of its own, and what came of it."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.sweeping.claims import Answer, Failed
from pipeline.sweeping.grid import Point

_ASK_EVERY_S = 0.1
_RENEW_EVERY_S = 5.0
# As `stage_runs.RUNS` says it; importing that would import DVC.
RAN = re.compile(r"^Piece of work (\S+): (.+)$", re.MULTILINE)
# What a stage says, then what DVC says of it; the first is nearer to the cause.
_MESSAGES = (re.compile(r"^error: (.+)", re.MULTILINE), re.compile(r"^ERROR: (.+)", re.MULTILINE))


@dataclass(frozen=True)
class Outcome:
    """What came of a point.

    Attributes:
        failed: why there is no experiment, in a line; None when there is one.
        ran: the pieces of work that were run, by key, and their stages; what is not among them came from the cache.
    """

    failed: str | None
    ran: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Asking:
    """How a worker asks for a piece of work: the methods of `Claims`, here or elsewhere, for one owner."""

    ask: Callable[[str], Answer]
    done: Callable[[str, str | None], None]
    renew: Callable[[], None]
    leave: Callable[[], None]


def run(folder: Path, name: str, point: Point, *, log: Path, asking: Asking, remote: bool, stop: threading.Event | None) -> Outcome:
    """Run a point; returns when it has ended.

    Args:
        folder: the clone.
        name: of its experiment.
        log: where its output goes.
        asking: for pieces of work.
        remote: whether results travel by DVC's remote.
        stop: set by who wants it to end early, if anybody may.
    """
    ours, theirs = os.pipe(), os.pipe()
    asked, answered = ours[0], theirs[1]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    command = [sys.executable, "-m", "pipeline.cli.sweep_point", str(ours[1]), str(theirs[0])]
    with log.open("w", encoding="utf-8") as stream:
        process = subprocess.Popen(
            [*command, *(["--remote"] if remote else []), name, *point],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(folder), "PATH": path},
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            pass_fds=(ours[1], theirs[0]),
            start_new_session=True,
        )
    os.close(ours[1])
    os.close(theirs[0])
    ended = threading.Event()
    watching = threading.Thread(target=_watch, args=(process, asking, stop, ended))
    watching.start()
    try:
        with os.fdopen(asked) as questions, os.fdopen(answered, "w") as answers:
            for line in questions:
                _answer(json.loads(line), answers, asking, ended)
        process.wait()
    finally:
        ended.set()
        watching.join()
        asking.leave()
    text = log.read_text(encoding="utf-8", errors="replace")
    return Outcome(None if process.returncode == 0 else _reason(process.returncode, text), tuple(RAN.findall(text)))


def _answer(question: dict[str, Any], answers: Any, asking: Asking, ended: threading.Event) -> None:
    if "done" in question:
        asking.done(question["done"], question["failed"])
        return
    failed = None
    try:
        while not ended.is_set() and asking.ask(question["claim"]) == "wait":
            ended.wait(_ASK_EVERY_S)
    except Failed as error:
        failed = str(error)
    with contextlib.suppress(BrokenPipeError):  # it was killed while it waited
        answers.write(json.dumps({"failed": failed}) + "\n")
        answers.flush()


def _watch(process: subprocess.Popen, asking: Asking, stop: threading.Event | None, ended: threading.Event) -> None:
    """Say that the owner lives, and end it when it is to stop."""
    waited = 0.0
    while not ended.wait(_ASK_EVERY_S) and process.poll() is None:
        waited += _ASK_EVERY_S
        if stop is not None and stop.is_set():
            _end(process)
            break
        if waited >= _RENEW_EVERY_S:
            asking.renew()
            waited = 0.0
    ended.set()


def _end(process: subprocess.Popen) -> None:
    """The process and the stage that it runs: they are a session of their own."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(3)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _reason(code: int, text: str) -> str:
    if code < 0:
        return f"ended by {signal.Signals(-code).name}"
    for message in _MESSAGES:
        if found := message.findall(text):
            return str(found[-1])
    return f"exit code {code}, without a message"
