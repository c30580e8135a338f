"""Which processes live, and that none outlives the one that it works for: nobody waits for its results then."""

import contextlib
import ctypes
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

# <sys/prctl.h>: the signal that the kernel sends a process when the one that started it ends.
_PR_SET_PDEATHSIG = 1
# Where DVC notes which process reads and writes what, while a stage runs.
RWLOCK = Path(".dvc/tmp/rwlock")
# Times of files and of processes are counted by different clocks.
_CLOCKS_DIFFER_S = 2.0


def lives(pid: int, *, since: float) -> bool:
    """Whether the process that had this number at a time is still there. A number is given again, in a container within minutes.

    Args:
        pid: its number.
        since: a time, in seconds since 1970, at which it was there.
    """
    # A part of DVC, too slow to import for what is seldom asked.
    import psutil

    try:
        process = psutil.Process(pid)
        # A zombie has ended: in a container there may be nobody who asks how.
        return bool(process.status() != psutil.STATUS_ZOMBIE and process.create_time() <= since + _CLOCKS_DIFFER_S)
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:  # of another user: it is there, and nothing says since when
        return True


def end_with_dvc() -> None:
    """Have a stage that DVC runs end with it; one that is started by hand goes on.

    A stage that goes on alone would write its outputs when another run has made and recorded them, perhaps from other parameters.
    """
    if "DVC_STAGE" not in os.environ:
        return
    end_with_parent()
    # It may have been killed already. Before it starts a stage, it writes its number into its lock.
    with contextlib.suppress(OSError, ValueError, TypeError, KeyError, AttributeError):
        if not descends_from({int(holder["pid"]) for holder in holders(RWLOCK)}):
            sys.exit("error: the `dvc` that started this stage was killed; run it again")


def holders(lock: Path) -> list[dict[str, Any]]:
    """Who holds something, by one of DVC's locks of files: `pid` and `cmd` of each process.

    Raises:
        OSError, ValueError, TypeError, KeyError, AttributeError: where it cannot be read, or is not as DVC writes it.
    """
    content = json.loads(lock.read_bytes())
    return [*(info for infos in content.get("read", {}).values() for info in infos), *content.get("write", {}).values()]


def end_with_parent(every_s: float = 0.5) -> None:
    """Have this process killed as soon as the one that started it has ended, however it ended.

    By the kernel on Linux; elsewhere a thread looks every `every_s` seconds.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    else:
        watch_parent(every_s)


def watch_parent(every_s: float) -> None:
    """`end_with_parent` where the kernel does not see to it."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(every_s)
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()


def descends_from(pids: Collection[int]) -> bool:
    """Whether one of these processes has started this one, or the one that started it, and so on.

    Only Linux says so without another program: True elsewhere.
    """
    return sys.platform != "linux" or any(pid in pids for pid in _ancestors())


def _ancestors() -> Iterator[int]:
    pid = os.getppid()
    while pid > 0:
        yield pid
        try:
            pid = _parent(pid)
        except FileNotFoundError:
            return


def descendants(pid: int) -> list[int]:
    """The processes that a process has started, and those that these have. Linux only."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it ended meanwhile
            children.setdefault(_parent(int(entry.name)), []).append(int(entry.name))
    found = list(children.get(pid, ()))
    for child in found:
        found += children.get(child, ())
    return found


def _parent(pid: int) -> int:
    # After the name, which may hold anything, in brackets: the state and the parent.
    return int(Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[1])
