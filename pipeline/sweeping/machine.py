"""Benchmarks alone: while one runs on this machine no other worker does anything, of this sweep or another one of this user."""

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Self


class Machine:
    """One worker's share of the machine, taken by flock, which the system gives back when the process ends, however it does.

    Two files: `work` is held together by those that work, or alone by a benchmark. `next` is held by whoever is about to take
    `work`; a benchmark that waits holds it, so that nobody new comes before.

    Args:
        folder: one for all workers of this machine; the files are made there.
    """

    def __init__(self, folder: Path) -> None:
        # By user: the system does not open another one's file in /tmp.
        self._next, self._work = ((folder / f"tflite-pipeline-{name}.{os.getuid()}.lock").open("a") for name in ("next", "work"))

    def enter(self, *, alone: bool) -> None:
        """Wait until this worker may work, `alone` or together with others; what it had before is given back first."""
        self.leave()
        fcntl.flock(self._next, fcntl.LOCK_EX)
        try:
            fcntl.flock(self._work, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        finally:
            fcntl.flock(self._next, fcntl.LOCK_UN)

    def leave(self) -> None:
        """This worker does nothing for now."""
        fcntl.flock(self._work, fcntl.LOCK_UN)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._next.close()
        self._work.close()
