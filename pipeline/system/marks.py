"""What a process reads at a moment, told to the one that watches it: text in memory that the two share.

A mark costs microseconds, so that one may be set for every sample.
"""

import mmap
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

_HEAD = struct.Struct("<?ddI")  # whether a mark is set, since when, its limit in seconds, length of its text
_BYTES = 1 << 16
_LONGEST = _BYTES - _HEAD.size

Page = mmap.mmap


class Mark(NamedTuple):
    """What is being read, or what was said last.

    Attributes:
        stands: it is being read now.
        since: seconds of `time.monotonic` at which that began.
        seconds: how long it may take.
        text: what to say if it goes wrong.
    """

    stands: bool
    since: float
    seconds: float
    text: str


_page: Page | None = None  # shared with the process that watches this one
_marks: list[tuple[float, float, bytes]] = []


def page() -> Page:
    """Memory that this process shares with those that it forks."""
    return mmap.mmap(-1, _BYTES)


def show_on(shared: Page) -> None:
    """From now on this process is watched: its marks show on a page."""
    global _page
    _page = shared


def watched() -> bool:
    """Whether this process is."""
    return _page is not None


@contextmanager
def mark(text: str, seconds: float) -> Iterator[None]:
    """A mark for the time of the block; the innermost one shows."""
    _marks.append((time.monotonic(), seconds, text.encode(errors="replace")[:_LONGEST]))
    _show()
    try:
        yield
    finally:
        _marks.pop()
        _show()


def _show() -> None:
    if _page is None:
        return
    _page[0] = 0
    if _marks:
        since, seconds, text = _marks[-1]
        _page[_HEAD.size : _HEAD.size + len(text)] = text
        _HEAD.pack_into(_page, 0, False, since, seconds, len(text))
        _page[0] = 1  # last: what stands behind it is whole now


def say(shared: Page, text: str) -> None:
    """Leave a text, with no mark, for the process that watches."""
    content = text.encode(errors="replace")[:_LONGEST]
    shared[_HEAD.size : _HEAD.size + len(content)] = content
    _HEAD.pack_into(shared, 0, False, 0.0, 0.0, len(content))


def shown(shared: Page) -> Mark:
    """What a page shows."""
    stands, since, seconds, length = _HEAD.unpack_from(shared)
    return Mark(stands, since, seconds, shared[_HEAD.size : _HEAD.size + length].decode(errors="replace"))
