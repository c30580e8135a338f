"""The one error a user can cause, and how a stage ends with it."""

import errno
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

# What a system says where nothing can be written or read, and what to do then.
_REFUSED = {
    errno.ENOSPC: "make room on that disk",
    errno.EDQUOT: "make room, or ask for a larger quota",
    errno.EFBIG: "allow larger files (`ulimit -f`), or use a disk that does",
    errno.EROFS: "work in a copy on a disk that can be written",
    errno.EACCES: "let this user read and write there, or work in a clone of your own",
    errno.EPERM: "let this user change it (`lsattr`), or work in a clone of your own",
}
REFUSALS = frozenset(_REFUSED)
# Those of them that are said of nothing but writing.
WRITING = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS})

# What parts the lines of a message, and how many letters of a line are shown.
_NEXT, _LONGEST = "\n  ", 900
INTERRUPTED = 130  # the exit code that shells give a command that Ctrl-C ended


class UserError(Exception):
    """Something the user can put right. The message names the place, what was given, what is expected and what to do."""


class Impossible(UserError):
    """A variant that cannot be for this network: a row of the report, not the end of the run. Shown, it is a `UserError`.

    Attributes:
        happened: what a library said, or why it was not asked.
        remedy: what to do instead, for whoever reads the report.
        places: operators at which it happened, as type and name of the first output tensor; empty where that is not known.
    """

    def __init__(self, happened: str, remedy: str, places: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(happened, remedy, places)  # all of them, so that it can be sent from one process to another
        self.happened, self.remedy, self.places = happened, remedy, places

    def __str__(self) -> str:
        return f"{self.happened}; {self.remedy}"


def shown(error: UserError) -> str:
    """The message for a terminal: names out of a file may hold anything, even what a terminal obeys, and be of any length."""
    return _NEXT.join(_letters(line) for line in str(error).split(_NEXT))


def _letters(line: str) -> str:
    text = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST // 2]} … {text[-_LONGEST // 3 :]}"


def run(main: Callable[[], None]) -> None:
    """Run a stage: a `UserError` becomes one message on stderr and exit code 1; a bug keeps its traceback; Ctrl-C has none."""
    try:
        with worded():
            main()
    except UserError as error:
        sys.exit(f"error: {shown(error)}")
    except KeyboardInterrupt:
        print("error: interrupted", file=sys.stderr)
        sys.exit(INTERRUPTED)


@contextmanager
def worded() -> Iterator[None]:
    """A block that writes, to standard output too.

    Raises:
        UserError: when the system does not let it.
    """
    try:
        yield
        sys.stdout.flush()
    except OSError as error:
        if (said := refused(error)) is None:
            raise
        raise said from None


def refused(error: OSError, where: object = None) -> UserError | None:
    """What to say where the system refuses to write or read: a full disk, a read-only one, permissions; None for anything else.

    Args:
        error: what was raised.
        where: the file or folder to name; None: the one that the error names.
    """
    if error.errno == errno.ENOENT and "temporary directory" in str(error.strerror):  # `tempfile` has tried to write into each
        return UserError(f"TMPDIR: {error.strerror}; make room there, or set it to a folder that can be written")
    if error.errno not in _REFUSED:
        return None
    place = where or error.filename or "what is written"
    return UserError(f"{place}: {os.strerror(error.errno)}; {_REFUSED[error.errno]}, and run the same again")


def one_of(name: str, table: object, *, where: str, hint: str = "") -> str:
    """`name`, when it is in `table` (anything iterable over strings).

    Raises:
        UserError: with the allowed names.
    """
    allowed = sorted(table)  # type: ignore[call-overload]
    if name not in allowed:
        raise UserError(f"{where}: unknown {name!r}; allowed: {', '.join(allowed)}{hint}")
    return name
