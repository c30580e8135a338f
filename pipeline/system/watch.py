"""A stage that reads files of somebody else in a copy of its process, which is watched: a crash and a loop are answers, too.

Both know what is being read by the mark that the boundary sets (`marks`).

The copy is a fork, made before anything runs in a thread: of TensorFlow, importing starts none. Where there is none (macOS,
Windows) a stage runs in its own process: what a library raises is a message there too, a crash or a loop is not.
"""

import atexit
import contextlib
import os
import select
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Iterable
from typing import Literal, NamedTuple

from pipeline import errors
from pipeline.errors import INTERRUPTED, UserError
from pipeline.system import leftovers, marks, processes

_PROVIDED = getattr(os, "pidfd_open", None)
_STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP) if sys.platform != "win32" else ()
_TICK, _GRACE = 0.2, 5.0  # seconds between two looks at the mark, and for a stage that is told to stop
# Exit codes of the copy, which no stage ends with.
_REFUSED, _RAISED = 81, 82


class Ended(NamedTuple):
    """How a function ended that was watched.

    Attributes:
        how: "returned"; "refused" with a `UserError`; "raised" anything else, whose traceback is printed; "crashed" by a signal
            at a mark; "silent" at one for longer than the limit; "ended" by a signal elsewhere; "interrupted" from outside.
        code: for the process to exit with.
        text: the message; empty where it returned or raised.
    """

    how: Literal["returned", "refused", "raised", "crashed", "silent", "ended", "interrupted"]
    code: int
    text: str


def run(main: Callable[[], None], *, refused: int = 1) -> None:
    """Run a stage that reads files of somebody else, as `errors.run` does, in a copy of this process that is watched.

    Args:
        main: of the stage.
        refused: exit code where the stage has no answer: a `UserError`, a crash, no end within the limit.
    """
    if not _can_watch():
        errors.run(main)
        return
    ended = supervise(main)
    if ended.text:
        print(f"error: {ended.text}", file=sys.stderr)
    code = refused if ended.how in ("refused", "crashed", "silent") else ended.code
    if code:
        sys.exit(code)


def supervise(function: Callable[[], object]) -> Ended:
    """Run a function in a copy of this process, and watch the marks that it sets. Linux only.

    The copy ends when this process does, however that ends. What it leaves half-written when it is ended by a signal is removed.
    SIGINT, SIGTERM and SIGHUP are passed on to it, as what `KeyboardInterrupt` is in Python.
    """
    page = marks.page()
    sys.stdout.flush()
    sys.stderr.flush()
    parent = os.getpid()
    # What is ignored, as with nohup, stays ignored.
    stops = {number for number in _STOPS if signal.getsignal(number) is not signal.SIG_IGN}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, stops)  # until both have their handlers
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 warns of threads: see the module's docstring
        child = os.fork()
    if child == 0:
        code = 1
        try:
            code = _inside(function, page, parent, before)
        finally:
            os._exit(code)
    asked: list[tuple[int, float]] = []

    def stop(number: int, frame: object) -> None:
        asked.append((number, time.monotonic()))
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGTERM)

    handlers = {number: signal.signal(number, stop) for number in stops}
    signal.pthread_sigmask(signal.SIG_SETMASK, before)
    try:
        status, silent = _wait(child, page, asked)
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    return _ended(child, os.waitstatus_to_exitcode(status), page, silent=silent, asked=asked)


def _can_watch() -> bool:
    try:
        if sys.platform == "linux" and _PROVIDED is not None:
            os.close(_PROVIDED(os.getpid()))
            return True
    except OSError:  # a system before Linux 5.3, or a sandbox without it
        pass
    return False


def _inside(function: Callable[[], object], page: marks.Page, parent: int, mask: Iterable[int]) -> int:
    """The function in the copy: what it exits with. A message goes through the page."""
    processes.end_with_parent()
    if os.getppid() != parent:  # it went before that
        return 1
    marks.show_on(page)
    # Ctrl-C reaches every process of a terminal: only the one that watches acts on it.
    for number in _STOPS:
        signal.signal(number, signal.default_int_handler if number == signal.SIGTERM else lambda number, frame: None)
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    try:
        with errors.worded():
            function()
        code = 0
    except UserError as error:
        code = _REFUSED
        marks.say(page, errors.shown(error))
    except KeyboardInterrupt:
        code = INTERRUPTED
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        if isinstance(ended.code, str):
            print(ended.code, file=sys.stderr)
    except BaseException:
        code = _RAISED
        traceback.print_exc()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    return code


def _wait(child: int, page: marks.Page, asked: list[tuple[int, float]]) -> tuple[int, bool]:
    """The status that the copy ended with, and whether it was ended here, as it was silent for too long."""
    assert _PROVIDED is not None
    handle, silent = _PROVIDED(child), False
    try:
        while not select.select([handle], [], [], _TICK)[0]:
            now = time.monotonic()
            mark = marks.shown(page)
            silent = mark.stands and now - mark.since > mark.seconds
            if silent or (asked and now - asked[0][1] > _GRACE):
                for process in [child, *processes.descendants(child)]:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(process, signal.SIGKILL)
                break
    finally:
        os.close(handle)
    return os.waitpid(child, 0)[1], silent


def _ended(child: int, code: int, page: marks.Page, *, silent: bool, asked: list[tuple[int, float]]) -> Ended:
    mark = marks.shown(page)
    if code < 0:
        leftovers.remove_of(child)
    if asked:
        return Ended("interrupted", 128 + asked[0][0], f"interrupted ({signal.Signals(asked[0][0]).name})")
    if code >= 0:
        if code == _REFUSED:
            return Ended("refused", 1, mark.text)
        return Ended("raised", 1, "") if code == _RAISED else Ended("returned", code, "")
    subject, _, remedy = mark.text.partition("\0")
    name = signal.Signals(-code).name
    if silent:
        raised = f"or raise limits.seconds in conf/config.yaml, which is {mark.seconds:g}"
        return Ended("silent", 1, f"{subject}: no end after {mark.seconds:g} s; {remedy}, {raised}")
    if not mark.stands:
        return Ended("ended", 128 - code, f"the process was ended by {name}")
    if -code == signal.SIGKILL:
        return Ended("crashed", 1, f"{subject}: the process was ended from outside ({name}); by nobody? then memory was short")
    return Ended("crashed", 1, f"{subject}: reading it ends the process ({name}); {remedy}")
