"""Who runs which piece of work, so that of all workers one does and the others wait for what it makes.

A piece of work is a stage with its command, parameters and the contents of its dependencies: DVC's key of its run cache. It is
known only when the stage is about to run, as two points may come to the same files on different ways.
"""

import threading
import time
from collections.abc import Callable
from typing import Literal

# How long the holder of a claim may be silent before another gets it.
SILENT_S = 30.0

Answer = Literal["yours", "wait"]


class Failed(Exception):
    """A piece of work that another point has tried; the message says which one and what came of it."""


class Claims:
    """The claims of one sweep. Its methods answer at once, and any thread may call them.

    Args:
        clock: seconds, for tests.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._holder: dict[str, str] = {}
        self._heard: dict[str, float] = {}
        self._failed: dict[str, str] = {}
        self._done: set[str] = set()

    def ask(self, key: str, owner: str) -> Answer:
        """Whether `owner` is to run a piece of work, or to ask again later: it is being run.

        Raises:
            Failed: when it was tried in vain.
        """
        self.renew(owner)
        with self._lock:
            if key in self._failed:
                raise Failed(self._failed[key])
            holder = self._holder.get(key)
            if holder is None or holder == owner or self._clock() - self._heard[holder] > SILENT_S:
                self._holder[key] = owner
                return "yours"
            return "wait"

    def done(self, key: str, owner: str, failed: str | None) -> None:
        """A piece of work has ended: it is in the run cache now, or `failed` says why not.

        An owner that lost the claim, as it was silent, says nothing by it.
        """
        with self._lock:
            if self._holder.get(key) == owner:
                del self._holder[key]
                if failed is None:
                    self._done.add(key)
                else:
                    self._failed[key] = failed

    def renew(self, owner: str) -> None:
        """`owner` lives."""
        with self._lock:
            self._heard[owner] = self._clock()

    def leave(self, owner: str) -> None:
        """`owner` has ended, or was killed: what it held is free."""
        with self._lock:
            self._holder = {key: holder for key, holder in self._holder.items() if holder != owner}

    def made(self) -> list[str]:
        """Every piece of work that is in the run cache, as someone ran it or found it there."""
        with self._lock:
            return sorted(self._done)

    def owners(self) -> set[str]:
        """All that have been heard of."""
        with self._lock:
            return set(self._heard)
