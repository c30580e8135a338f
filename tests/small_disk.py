"""A disk of a few megabytes that can be full or read-only, seen by the commands that are run on it; gone with its process."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.helpers import call

_SCRIPT = 'mount -t tmpfs -o size="$2" none "$1" && echo mounted && exec sleep 3600'


class SmallDisk:
    """A tmpfs in a mount namespace of its own.

    Attributes:
        place: where it is mounted, for commands that run on it.
        files: the same folder, for this process.
    """

    def __init__(self, holder: subprocess.Popen[str], place: Path) -> None:
        self._holder, self.place = holder, place
        self.files = Path(f"/proc/{holder.pid}/root{place}")
        self._ballast = self.files / "ballast"

    def run(self, *command: str, folder: str = ".", check: bool = True, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a command in a folder of the disk; PYTHONPATH is that folder."""
        enter = ("nsenter", f"--target={self._holder.pid}", "--user", "--mount", "--preserve-credentials")
        inside = ("sh", "-c", 'cd "$0" && PYTHONPATH=$PWD exec "$@"', str(self.place / folder), *command)
        return call(*enter, *inside, cwd=self.place, check=check, **environment)

    def fill(self, *, left: int = 0) -> None:
        """Take all room but `left` bytes, which are rounded down to whole pages."""
        self.make_room()
        state = os.statvfs(self.files)
        with self._ballast.open("wb") as stream:
            os.posix_fallocate(stream.fileno(), 0, (state.f_bavail - left // state.f_frsize) * state.f_frsize)

    def make_room(self) -> None:
        """Undo `fill`."""
        self._ballast.unlink(missing_ok=True)

    def read_only(self, yes: bool) -> None:
        """Have nothing on it be written, or everything again."""
        self.run("mount", "-o", f"remount,{'ro' if yes else 'rw'}", str(self.place))


@contextmanager
def small_disk(place: Path, *, size: str) -> Iterator[SmallDisk]:
    """A disk on a folder that exists; the test is skipped where the system has no namespaces for users.

    Args:
        place: empty folder.
        size: as `mount` takes it, such as 40m.
    """
    if sys.platform != "linux" or shutil.which("unshare") is None:
        pytest.skip("needs Linux and util-linux: a disk is mounted in a namespace of its own")
    command = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", _SCRIPT, "sh", str(place), size]
    holder = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert holder.stdout is not None
    with holder:
        try:
            if (said := holder.stdout.readline().strip()) != "mounted":
                pytest.skip(f"no disk can be mounted here: {said}")
            yield SmallDisk(holder, place)
        finally:
            holder.kill()
