"""The one error a user can cause, and how a stage ends with it."""

import sys
from collections.abc import Callable

# What parts the lines of a message, and how many letters of it are shown.
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
    lines = str(error).split(_NEXT)
    text = _NEXT.join("".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line) for line in lines)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST // 2]} … {text[-_LONGEST // 3 :]}"


def run(main: Callable[[], None]) -> None:
    """Run a stage: a `UserError` becomes one message on stderr and exit code 1; a bug keeps its traceback; Ctrl-C has none."""
    try:
        main()
    except UserError as error:
        sys.exit(f"error: {shown(error)}")
    except KeyboardInterrupt:
        print("error: interrupted", file=sys.stderr)
        sys.exit(INTERRUPTED)


def one_of(name: str, table: object, *, where: str, hint: str = "") -> str:
    """`name`, when it is in `table` (anything iterable over strings).

    Raises:
        UserError: with the allowed names.
    """
    allowed = sorted(table)  # type: ignore[call-overload]
    if name not in allowed:
        raise UserError(f"{where}: unknown {name!r}; allowed: {', '.join(allowed)}{hint}")
    return name
