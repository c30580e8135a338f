"""What a killed process leaves behind, which nobody else removes: files under temporary names, and its folder in the system's /tmp.

Both carry the number of the process that they are of, and are removed when the next stage starts, or `make repro`, if it is gone.
"""

import atexit
import contextlib
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from pipeline import paths
from pipeline.system import processes

# The temporary names of `files.replacing`.
_TEMPORARY = re.compile(r"\..+\.(\d+)\.tmp", re.DOTALL)
_BY_VARIANT = (paths.RECIPES, paths.VARIANTS, paths.OUTPUTS, paths.VERIFY_REPORTS, paths.BENCHMARK_REPORTS, paths.SIMULATE_REPORTS)
# Where outputs are written, each beside its temporary name; `.` for params.yaml and dvc.lock.
WRITTEN = sorted({path.parent for path in vars(paths).values() if isinstance(path, Path)} | {paths.SEARCHED, *_BY_VARIANT})

_asked = Path(os.environ.get("TMPDIR") or "/tmp").absolute()
# What all processes of this machine share, such as the lock of benchmarks, lies here also after `own_folder`.
SHARED = _asked if _asked.is_dir() else Path("/tmp")
_PREFIX = f"tflite-pipeline-{os.getuid()}-"


def own_folder() -> None:
    """Have whatever asks the system for a temporary file, TensorFlow too, get it in a folder that carries this process's number.

    It is removed when the process ends; when that is killed, `remove` does so. Where it cannot be made, all stays as it is: who
    needs a temporary file says what is wrong.
    """
    folder = SHARED / f"{_PREFIX}{os.getpid()}"
    # Of another process of this number, whose end nobody saw.
    shutil.rmtree(folder, ignore_errors=True)
    with contextlib.suppress(OSError):
        folder.mkdir(mode=0o700)
        os.environ["TMPDIR"] = str(folder)
        atexit.register(_remove_own, folder, os.getpid())


def _remove_own(folder: Path, owner: int) -> None:
    # A copy of this process, made by a fork, may come here as well.
    if os.getpid() == owner:
        shutil.rmtree(folder, ignore_errors=True)


def remove() -> list[Path]:
    """Remove what processes that are gone have left in this project and in /tmp; returned is what was removed."""
    return [path for path in (*_beside_outputs(), *_folders()) if removed(path)]


def remove_of(pid: int) -> None:
    """Remove what a process of this project that was ended has written under temporary names."""
    for folder in WRITTEN:
        for path in folder.glob(f".*.{pid}.tmp"):
            removed(path)


def _beside_outputs() -> Iterator[Path]:
    for folder in WRITTEN:
        for path in folder.glob(".*.tmp"):
            if (match := _TEMPORARY.fullmatch(path.name)) and _abandoned(path, int(match[1])):
                yield path


def _folders() -> Iterator[Path]:
    for path in SHARED.glob(f"{_PREFIX}*"):
        if (number := path.name.removeprefix(_PREFIX)).isdecimal() and _abandoned(path, int(number)):
            yield path


def _abandoned(path: Path, pid: int) -> bool:
    if pid == os.getpid():
        return False
    with contextlib.suppress(FileNotFoundError):  # another process was faster
        return not processes.lives(pid, since=path.lstat().st_mtime)
    return False


def removed(path: Path) -> bool:
    """Remove a file or a folder; whether it is gone. What the system does not let be removed is left."""
    with contextlib.suppress(OSError):
        discard(path)
    return not path.exists()


def discard(path: Path) -> None:
    """Remove a file or a folder, if there is one.

    Raises:
        OSError: when the system does not let it be removed.
    """
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    elif path.exists() or path.is_symlink():  # asked first: on a read-only disk the removal of nothing fails, too
        path.unlink()
