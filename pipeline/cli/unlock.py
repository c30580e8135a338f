"""Put right what a killed `dvc` leaves behind, wait for one that lives, and run a command that nothing else of `make` runs beside.

    python -m pipeline.cli.unlock [COMMAND ...]

Each thing that is put right is said in a line. A lock whose owner lives is never touched.
"""

import contextlib
import fcntl
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from pipeline.cli import unlock_files, unlock_git, unlock_queue, unlock_rwlock
from pipeline.cli.unlock_rwlock import Owner, locked
from pipeline.errors import UserError, run
from pipeline.system import disk, leftovers, processes

_TMP = processes.RWLOCK.parent
# DVC holds it, by flock, while it is at dvc.lock and its cache; not while a stage runs.
_REPOSITORY = _TMP / "lock"
# Which process runs an experiment in this folder.
_EXPERIMENT = _TMP / "exps/run/workspace/workspace.json"
# Held by what `make` runs, and by whom: commands that are run inside of it go on.
_MAKE, _INSIDE = _TMP / "make.lock", "TFLITE_PIPELINE_ALONE"
_LOOK_EVERY_S = 0.2


def main() -> None:
    command = sys.argv[1:]
    with alone(" ".join(command) or "unlock"):
        if command:
            os.execvp(command[0], command)  # the lock is held until the command ends, however it does


@contextmanager
def alone(command: str) -> Iterator[None]:
    """Wait until no `make` and no `dvc` works in this folder, put right what killed ones left, and keep other `make` out.

    Args:
        command: what is run inside, for others that wait.

    Raises:
        UserError: when this is no folder of DVC.
    """
    if os.environ.get(_INSIDE) == str(Path.cwd()):
        yield
        return
    if not _TMP.parent.is_dir():
        raise UserError(f"{Path.cwd()}: no DVC project here; run it in the folder that holds dvc.yaml")
    _TMP.mkdir(exist_ok=True)
    with _MAKE.open("a+", encoding="utf-8") as stream:
        _wait(lambda: None if locked(stream) else _written(stream))
        with disk.writing(_MAKE):
            stream.truncate(0)
            stream.write(f"{os.getpid()} {command}\n")
            stream.flush()
        os.set_inheritable(stream.fileno(), True)
        os.environ[_INSIDE] = str(Path.cwd())
        # DVC's own way for file systems without flock: who holds that lock cannot be seen.
        if not _without_flock():
            with _REPOSITORY.open("a+", encoding="utf-8") as held:
                _wait(lambda: _lives(held))
                _cure()
        unlock_queue.cure(_say)
        try:
            yield
        finally:
            del os.environ[_INSIDE]


def _wait(owner: Callable[[], Owner | None]) -> None:
    said = None
    while (found := owner()) is not None:
        if found != said:
            _say(f"waiting for {found}, which works in this folder; Ctrl-C ends the waiting")
            said = found
        time.sleep(_LOOK_EVERY_S)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _written(stream: TextIO) -> Owner:
    """Who holds a lock, as its file says."""
    stream.seek(0)
    pid, _, command = stream.read().strip().partition(" ")
    return Owner(int(pid) if pid.isdecimal() else 0, command or "dvc")


def _lives(repository: TextIO) -> Owner | None:
    """A process of DVC that works in this folder; if there is none, DVC's own lock is held now, and no other begins."""
    if not locked(repository):
        return _written(repository)
    named = [found for path in unlock_rwlock.LOCKS for found in unlock_rwlock.owners(path)]
    for owner, since in (*named, *_experiment()):
        if processes.lives(owner.pid, since=since):
            fcntl.flock(repository.fileno(), fcntl.LOCK_UN)
            return owner
    return None


def _experiment() -> Iterator[tuple[Owner, float]]:
    with contextlib.suppress(FileNotFoundError, ValueError, KeyError, TypeError):
        since = _EXPERIMENT.stat().st_mtime
        yield Owner(int(json.loads(_EXPERIMENT.read_bytes())["pid"]), "dvc exp run"), since


def _cure() -> None:
    """Nothing of DVC lives here, and nothing begins: its lock is held."""
    of_files, of_experiments = unlock_rwlock.LOCKS
    unlock_rwlock.cure(of_files, _say)
    since = of_experiments.stat().st_mtime if of_experiments.exists() else 0.0
    killed = unlock_rwlock.cure(of_experiments, _say)
    unlock_files.cure_lock(_say)
    unlock_git.cure(_say, since=since if killed else None)
    if _EXPERIMENT.exists():
        leftovers.removed(_EXPERIMENT.parent)
    if gone := [*leftovers.remove(), *unlock_files.remove_temporary()]:
        _say(f"removed what killed processes left: {len(gone)} temporary files or folders, such as {gone[0]}")


def _without_flock() -> bool:
    configs = [_TMP.parent / name for name in ("config", "config.local")]
    return any("hardlink_lock = true" in path.read_text(encoding="utf-8") for path in configs if path.exists())


if __name__ == "__main__":
    run(main)
