"""Progress in a terminal. Importing tqdm takes as long as importing NumPy, so that only a stage somebody watches does it."""

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

Item = TypeVar("Item")


def over(items: Iterable[Item], *, doing: str, total: int | None = None) -> Iterable[Item]:
    """The same items, with a bar on stderr when that is a terminal.

    Args:
        items: to go through once.
        doing: what is done, in a word before the bar.
        total: how many they are, where they do not tell themselves.
    """
    if not sys.stderr.isatty():
        return items
    from tqdm import tqdm

    return tqdm(items, desc=doing, total=total)


@contextmanager
def counting(total: int, *, doing: str) -> Iterator[Callable[..., object]]:
    """A function to be told how many more are done (one, when it is told nothing), with a bar as `over` has it."""
    if not sys.stderr.isatty():
        yield lambda done=1: None
        return
    from tqdm import tqdm

    with tqdm(total=total, desc=doing) as bar:
        yield bar.update
