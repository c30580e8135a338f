"""DVC's locks of files, `rwlock`: which process reads and writes what.

DVC writes them in place: a kill can leave one empty, and leaves the names in it. docs/dvc-rwlock.md is the report to DVC.
"""

import contextlib
import fcntl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple, TextIO

from pipeline import files
from pipeline.system import processes

# Of the project's files, and of what experiments do in git.
LOCKS = (processes.RWLOCK, processes.RWLOCK.parent / "exps/rwlock")
_NETWORK = ("9p", "afs", "beegfs", "ceph", "cifs", "fuse.sshfs", "glusterfs", "gpfs", "lustre", "nfs", "smb")


class Owner(NamedTuple):
    """A process that works in this folder."""

    pid: int
    command: str

    def __str__(self) -> str:
        return f"process {self.pid} ({self.command})"


def owners(path: Path) -> Iterator[tuple[Owner, float]]:
    """The processes that a lock names, and a time at which they were there; none when it cannot be read.

    Args:
        path: one of `LOCKS`.
    """
    with contextlib.suppress(FileNotFoundError):
        since = path.stat().st_mtime
        for owner in _read(path) or ():
            yield owner, since


def cure(path: Path, say: Callable[[str], None]) -> bool:
    """Put a lock right of which no owner lives; whether there was anything to do.

    Args:
        path: one of `LOCKS`.
        say: is told in a line what was done.
    """
    if not path.exists():
        return False
    with path.with_name(f"{path.name}.lock").open("a+", encoding="utf-8") as guard:
        # Who holds it, for a moment, is about to write the file.
        if not locked(guard):
            return False
        if (found := _read(path)) is None:
            path.unlink()
            say(f"{path} was empty or cut off, as `kill -9` can leave it: removed, DVC makes it anew")
        elif found and _on_network(path):
            say(f"{path} is on a network disk and names {_named(found)}, not of this machine; if gone, remove the file")
            return False
        elif found:
            files.write_text(path, "{}")
            say(f"{path} named what is gone: {_named(found)}; released")
        return found is None or bool(found)


def locked(stream: TextIO) -> bool:
    """Take a lock, as DVC does, that ends with this process; False when another one holds it."""
    try:
        fcntl.flock(stream.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _named(found: list[Owner]) -> str:
    return "; ".join(sorted({str(owner) for owner in found}))


def _read(path: Path) -> list[Owner] | None:
    """The owners that a lock names; None when it is not as DVC writes it."""
    try:
        return [Owner(int(holder["pid"]), str(holder["cmd"])) for holder in processes.holders(path)]
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _on_network(path: Path) -> bool:
    """Whether processes of other machines may use a file."""
    import psutil

    holding = [part for part in psutil.disk_partitions(all=True) if path.absolute().is_relative_to(part.mountpoint)]
    return bool(holding) and max(holding, key=lambda part: len(part.mountpoint)).fstype.startswith(_NETWORK)
