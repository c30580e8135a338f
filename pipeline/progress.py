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


@contextmanager
def points(total: int) -> Iterator[Callable[[str, bool | None], None]]:
    """A function to be told of points that run beside each other: its name, and None when it begins, later whether it was done.

    In a terminal a bar says how many are done, run and failed, and the time left; elsewhere each end is a line.
    """
    from tqdm import tqdm

    running, failed, ended = set[str](), 0, 0
    with tqdm(total=total, desc="sweep", unit="point", disable=not sys.stderr.isatty()) as bar:

        def tell(name: str, done: bool | None) -> None:
            nonlocal failed, ended
            if done is None:
                running.add(name)
            else:
                running.discard(name)
                ended, failed = ended + 1, failed + (not done)
                bar.update()
                if bar.disable:
                    print(f"{ended} of {total}: {name} {'done' if done else 'failed'}", flush=True)
            bar.set_postfix(running=len(running), failed=failed)

        yield tell
