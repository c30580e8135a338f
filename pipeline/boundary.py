"""The one boundary around whatever reads a file that somebody else wrote.

`reading` turns what a library raises on such a file into a message: which file, read as what, what to do. `run` starts a stage in
a copy of its process and watches it, so that a file which ends the process (SIGSEGV in native code) or makes a library loop is
answered in the same way. Both know what is being read by the mark that `reading` and `watching` set: text in memory that the two
processes share, so that a mark costs microseconds and may be set for every sample.

The copy is a fork, made before anything runs in a thread: of TensorFlow, importing starts none. Where there is none (macOS,
Windows) a stage runs in its own process: what a library raises is a message there too, a crash or a loop is not.

What a file says of its size is compared with `limits` before memory is taken (`within`). For what it does not say, or lies about,
the process that is watched gets no more memory than the limit from its system: a library then fails as it does where memory is out.
"""

import atexit
import contextlib
import math
import mmap
import os
import re
import select
import signal
import struct
import sys
import sysconfig
import time
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Literal, NamedTuple

from pipeline import errors, leftovers, processes
from pipeline.errors import INTERRUPTED, UserError

REMEDY = "it may be damaged or truncated, copy it again"

_HERE = Path(__file__).parent
_LIBRARIES = tuple(sysconfig.get_paths()[key] for key in ("stdlib", "platstdlib", "purelib", "platlib"))
_PROVIDED = getattr(os, "pidfd_open", None)
_STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP) if sys.platform != "win32" else ()
_TICK, _GRACE = 0.2, 5.0  # seconds between two looks at the mark, and for a stage that is told to stop
_HEAD = struct.Struct("<?ddI")  # whether a mark is set, since when, its limit in seconds, length of its text
_PAGE = 1 << 16
_COLOURS = re.compile(r"\x1b\[[\d;]*m")


class Limits(NamedTuple):
    """What one file of somebody else may take: seconds to read it, and gigabytes (10^9 bytes) when it is unpacked."""

    seconds: float
    gigabytes: float


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


class _Mark(NamedTuple):
    since: float
    seconds: float
    text: bytes


_limits: Limits | None = None
_page: mmap.mmap | None = None  # shared with the process that watches this one
_marks: list[_Mark] = []


@contextmanager
def limits(*, seconds: float, gigabytes: float) -> Iterator[None]:
    """The limits for what is read inside the block; outside of any block there are none."""
    global _limits
    before, _limits = _limits, Limits(seconds, gigabytes)
    try:
        with _memory(gigabytes) if _page is not None else contextlib.nullcontext():
            yield
    finally:
        _limits = before


@contextmanager
def _memory(gigabytes: float) -> Iterator[None]:
    """No more memory inside the block than the process has already and this."""
    import resource  # not on Windows

    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    # What RLIMIT_DATA counts since Linux 4.7: private writable memory, in pages.
    has = int(Path("/proc/self/statm").read_text().split()[5]) * resource.getpagesize()
    given = has + int(gigabytes * 1e9)
    resource.setrlimit(resource.RLIMIT_DATA, (given if soft == resource.RLIM_INFINITY else min(soft, given), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def within(path: Path, size: float, *, what: str, key: str = "") -> None:
    """Refuse a file for what it says of its size, before memory or disk is taken for it.

    Args:
        path: the file.
        size: bytes that it will take.
        what: will take them, such as "array x takes", for the message.
        key: of the configuration that names the file, such as "model.path".

    Raises:
        UserError: when it is more than the limit.
    """
    if _limits is not None and size > _limits.gigabytes * 1e9:
        subject = f"{key}: {path}" if key else str(path)
        raise UserError(
            f"{subject}: {what} {size / 1e9:.3g} GB, the limit is {_limits.gigabytes:g} GB; if that is what you expect of it, "
            f"set limits.gigabytes: {math.ceil(size / 1e9)} in conf/config.yaml"
        )


@contextmanager
def reading(path: Path, *, kind: str, key: str = "", remedy: str = REMEDY) -> Iterator[None]:
    """Whatever a library raises inside the block is the file's fault, and becomes a message.

    A `UserError` passes as it is, and so do faults of code that is neither a library's nor the pipeline's (the user's own classes
    and readers), and names and modules that the pipeline's own code lacks: their traceback is what helps.

    Args:
        path: the file or folder that is read.
        kind: what it is read as, such as ".npz" or "an image".
        key: of the configuration that names it, such as "model.path".
        remedy: what to do about it.

    Raises:
        UserError: naming file, kind, the library's reason, and the remedy.
    """
    subject = f"{key}: {path} is" if key else f"{path}:"
    with watching(path, kind=kind, key=key, remedy=remedy):
        try:
            yield
        except UserError:
            raise
        except Exception as error:  # the only place that catches everything
            if isinstance(error, OSError) and (said := errors.refused(error)) is not None:
                raise said from None  # a full disk, or permissions: nothing is wrong with the file
            # The second is TensorFlow's, which is not imported here.
            short = isinstance(error, MemoryError) or type(error).__name__ == "ResourceExhaustedError"
            if not short and (_of_the_user(error.__traceback__) or _of_the_pipeline(error)):
                raise
            why = f"it needs more memory than there is{_allowed()}" if short else reason(error)
            raise UserError(f"{subject} not readable as {kind}: {why}; {remedy}") from error


@contextmanager
def watching(path: Path, *, kind: str, key: str = "", remedy: str = REMEDY) -> Iterator[None]:
    """A crash inside the block, or no end within the limit, is the file's fault; arguments as of `reading`.

    It matters where `run` watches the process, and costs a few microseconds.
    """
    if _page is None:
        yield
        return
    subject = f"{key}: {path} is" if key else f"{path}:"
    text = f"{subject} not readable as {kind}\0{remedy}".encode(errors="replace")[: _PAGE - _HEAD.size]
    _marks.append(_Mark(time.monotonic(), math.inf if _limits is None else _limits.seconds, text))
    _show()
    try:
        yield
    finally:
        _marks.pop()
        _show()


def reason(error: BaseException) -> str:
    """What an exception says, in a line; its type before it where it says less than a sentence."""
    # An exception that is made of a sentence and a place, as that of `tokenize`, prints as a tuple.
    said = line(str(error.args[0] if len(error.args) == 2 and str(error) == str(error.args) else error))
    bare = isinstance(error, (LookupError, AssertionError)) or " " not in said
    return f"{type(error).__name__}{': ' if said else ''}{said}" if bare else said


def line(text: str) -> str:
    """A text of a library as one line without colours: its first, and the next one where that is short."""
    lines = [line.strip() for line in _COLOURS.sub("", text).splitlines() if line.strip()]
    # The first often tells where, and the next one what.
    return (" ".join(lines[:2]) if lines and len(lines[0]) < 80 else "".join(lines[:1]))[:200]


def _allowed() -> str:
    """The limit of memory in words, where there is one."""
    return "" if _limits is None else f", or than limits.gigabytes in conf/config.yaml allows ({_limits.gigabytes:g})"


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
    sys.exit(refused if ended.how in ("refused", "crashed", "silent") else ended.code)


def supervise(function: Callable[[], object]) -> Ended:
    """Run a function in a copy of this process, and watch the marks that it sets. Linux only.

    The copy ends when this process does, however that ends. What it leaves half-written when it is ended by a signal is removed.
    SIGINT, SIGTERM and SIGHUP are passed on to it, as what `KeyboardInterrupt` is in Python.
    """
    page = mmap.mmap(-1, _PAGE)
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


def _inside(function: Callable[[], object], page: mmap.mmap, parent: int, mask: Iterable[int]) -> int:
    """The function in the copy: what it exits with. A message goes through the page."""
    global _page
    processes.end_with_parent()
    if os.getppid() != parent:  # it went before that
        return 1
    _page = page
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
        text = errors.shown(error).encode(errors="replace")[: _PAGE - _HEAD.size]
        page[_HEAD.size : _HEAD.size + len(text)] = text
        _HEAD.pack_into(page, 0, False, 0.0, 0.0, len(text))
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


# Exit codes of the copy, which no stage ends with.
_REFUSED, _RAISED = 81, 82


def _wait(child: int, page: mmap.mmap, asked: list[tuple[int, float]]) -> tuple[int, bool]:
    """The status that the copy ended with, and whether it was ended here, as it was silent for too long."""
    assert _PROVIDED is not None
    handle, silent = _PROVIDED(child), False
    try:
        while not select.select([handle], [], [], _TICK)[0]:
            now = time.monotonic()
            marked, since, seconds, _ = _HEAD.unpack_from(page)
            silent = marked and now - since > seconds
            if silent or (asked and now - asked[0][1] > _GRACE):
                for process in [child, *_descendants(child)]:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(process, signal.SIGKILL)
                break
    finally:
        os.close(handle)
    return os.waitpid(child, 0)[1], silent


def _ended(child: int, code: int, page: mmap.mmap, *, silent: bool, asked: list[tuple[int, float]]) -> Ended:
    marked, _, seconds, length = _HEAD.unpack_from(page)
    text = page[_HEAD.size : _HEAD.size + length].decode(errors="replace")
    if code < 0:
        leftovers.remove_of(child)
    if asked:
        return Ended("interrupted", 128 + asked[0][0], f"interrupted ({signal.Signals(asked[0][0]).name})")
    if code >= 0:
        if code == _REFUSED:
            return Ended("refused", 1, text)
        return Ended("raised", 1, "") if code == _RAISED else Ended("returned", code, "")
    subject, _, remedy = text.partition("\0")
    name = signal.Signals(-code).name
    if silent:
        raised = f"or raise limits.seconds in conf/config.yaml, which is {seconds:g}"
        return Ended("silent", 1, f"{subject}: no end after {seconds:g} s; {remedy}, {raised}")
    if not marked:
        return Ended("ended", 128 - code, f"the process was ended by {name}")
    if -code == signal.SIGKILL:
        return Ended("crashed", 1, f"{subject}: the process was ended from outside ({name}); by nobody? then memory was short")
    return Ended("crashed", 1, f"{subject}: reading it ends the process ({name}); {remedy}")


def _show() -> None:
    """The innermost mark, for the process that watches."""
    if _page is None:
        return
    _page[0] = 0
    if _marks:
        mark = _marks[-1]
        _page[_HEAD.size : _HEAD.size + len(mark.text)] = mark.text
        _HEAD.pack_into(_page, 0, False, mark.since, mark.seconds, len(mark.text))
        _page[0] = 1  # last: what stands behind it is whole now


def _descendants(process: int) -> list[int]:
    """The processes that a process started, and those that these started."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it ended meanwhile
            # PID (NAME) STATE PARENT ...: the name may hold anything.
            parents.setdefault(int(entry.read_text().rpartition(")")[2].split()[1]), []).append(int(entry.parent.name))
    found = list(parents.get(process, ()))
    for child in found:
        found += parents.get(child, ())
    return found


def _frames(place: TracebackType | None) -> Iterator[str]:
    """The files of what was called inside the block, outermost first; the first two entries are `reading` and the block."""
    places = list(traceback.walk_tb(place))[2:]
    yield from (frame.f_code.co_filename for frame, _ in places)


def _of_the_user(place: TracebackType | None) -> bool:
    """Whether a fault went through code of the user: of no library, and not of the pipeline but for pipeline/custom/."""

    def own(file: str) -> bool:
        path = Path(file)
        # Compiled modules name their source as it was called when they were compiled; what was generated has no file at all.
        if not path.is_absolute() or "__autograph_generated_file" in file or file.startswith(_LIBRARIES):
            return False
        return not path.is_relative_to(_HERE) or path.is_relative_to(_HERE / "custom")

    return any(own(file) for file in _frames(place))


def _of_the_pipeline(error: Exception) -> bool:
    """Whether it is plainly a bug: the pipeline's own code names what there is not."""
    raised = [frame.f_code.co_filename for frame, _ in traceback.walk_tb(error.__traceback__)]
    return isinstance(error, (NameError, ImportError)) and Path(raised[-1]).is_relative_to(_HERE)
