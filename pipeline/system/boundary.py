"""The one boundary around whatever reads a file that somebody else wrote.

`reading` turns what a library raises on such a file into a message: which file, read as what, what to do. A crash in native code
and a library that does not end are answered in the same way where the process is watched (`watch.run`).

What a file says of its size is compared with `limits` before memory is taken (`within`). For what it does not say, or lies about,
a process that is watched gets no more memory than the limit from its system: a library then fails as it does where memory is out.
"""

import contextlib
import math
import re
import sysconfig
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from pipeline import errors
from pipeline.errors import UserError
from pipeline.system import marks

REMEDY = "it may be damaged or truncated, copy it again"

_PIPELINE = Path(__file__).parents[1]
_LIBRARIES = tuple(sysconfig.get_paths()[key] for key in ("stdlib", "platstdlib", "purelib", "platlib"))
_COLOURS = re.compile(r"\x1b\[[\d;]*m")


class Limits(NamedTuple):
    """What one file of somebody else may take: seconds to read it, and gigabytes (10^9 bytes) when it is unpacked."""

    seconds: float
    gigabytes: float


_limits: Limits | None = None


@contextmanager
def limits(*, seconds: float, gigabytes: float) -> Iterator[None]:
    """The limits for what is read inside the block; outside of any block there are none."""
    global _limits
    before, _limits = _limits, Limits(seconds, gigabytes)
    try:
        with _memory(gigabytes) if marks.watched() else contextlib.nullcontext():
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
            raise UserError(f"{_unreadable(path, kind, key)}: {why}; {remedy}") from error


@contextmanager
def watching(path: Path, *, kind: str, key: str = "", remedy: str = REMEDY) -> Iterator[None]:
    """A crash inside the block, or no end within the limit, is the file's fault; arguments as of `reading`.

    It matters where the process is watched, and costs a few microseconds.
    """
    if not marks.watched():
        yield
        return
    with marks.mark(f"{_unreadable(path, kind, key)}\0{remedy}", math.inf if _limits is None else _limits.seconds):
        yield


def _unreadable(path: Path, kind: str, key: str) -> str:
    return f"{key}: {path} is not readable as {kind}" if key else f"{path}: not readable as {kind}"


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
        return not path.is_relative_to(_PIPELINE) or path.is_relative_to(_PIPELINE / "custom")

    return any(own(file) for file in _frames(place))


def _of_the_pipeline(error: Exception) -> bool:
    """Whether it is plainly a bug: the pipeline's own code names what there is not."""
    raised = [frame.f_code.co_filename for frame, _ in traceback.walk_tb(error.__traceback__)]
    return isinstance(error, (NameError, ImportError)) and Path(raised[-1]).is_relative_to(_PIPELINE)
