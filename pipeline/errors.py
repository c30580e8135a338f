"""The one error a user can cause, and how a stage ends with it."""

import sys
from collections.abc import Callable


class UserError(Exception):
    """Something the user can put right. The message names the place, what was given, what is expected and what to do."""


def run(main: Callable[[], None]) -> None:
    """Run a stage: a `UserError` becomes one message on stderr and exit code 1; a bug keeps its traceback."""
    try:
        main()
    except UserError as error:
        sys.exit(f"error: {error}")


def one_of(name: str, table: object, *, where: str, hint: str = "") -> str:
    """`name`, when it is in `table` (anything iterable over strings).

    Raises:
        UserError: with the allowed names.
    """
    allowed = sorted(table)  # type: ignore[call-overload]
    if name not in allowed:
        raise UserError(f"{where}: unknown {name!r}; allowed: {', '.join(allowed)}{hint}")
    return name
