import select
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from pipeline.sweeping.machine import Machine

# A worker that says when it waits and when it works, which it does until it is told to end.
_WORKER = """
import sys
from pathlib import Path
from pipeline.sweeping.machine import Machine
with Machine(Path(sys.argv[1])) as machine:
    print("waits", flush=True)
    machine.enter(alone=sys.argv[2] == "alone")
    print("works", flush=True)
    sys.stdin.readline()
"""
# Long enough for a process to be let in, were it let in; and to start, on a busy machine.
_LET_IN_S, _LATEST_S = 0.3, 60.0


class _Worker:
    def __init__(self, folder: Path, how: str) -> None:
        command = [sys.executable, "-c", _WORKER, str(folder), how]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
        assert self._line(_LATEST_S) == b"waits\n"

    def works(self, within_s: float = _LATEST_S) -> bool:
        return self._line(within_s) == b"works\n"

    def end(self) -> None:
        self.process.communicate(b"\n")

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()

    def _line(self, within_s: float) -> bytes:
        assert self.process.stdout is not None
        return self.process.stdout.readline() if select.select([self.process.stdout], [], [], within_s)[0] else b""


Start = Callable[[str], _Worker]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    with ExitStack() as stack:

        def started(how: str) -> _Worker:
            worker = _Worker(tmp_path, how)
            stack.callback(worker.kill)
            return worker

        yield started


def test_workers_work_together(start: Start) -> None:
    first, second = start("together"), start("together")
    assert first.works()
    assert second.works()


def test_a_benchmark_waits_for_all_and_nobody_comes_before_it(start: Start) -> None:
    first, second = start("together"), start("together")
    assert first.works()
    assert second.works()
    benchmark = start("alone")
    assert not benchmark.works(_LET_IN_S)
    late = start("together")
    assert not late.works(_LET_IN_S)
    first.end()
    assert not benchmark.works(_LET_IN_S)
    second.end()
    assert benchmark.works()
    assert not late.works(_LET_IN_S)
    benchmark.end()
    assert late.works()


def test_who_is_killed_gives_it_back(start: Start, tmp_path: Path) -> None:
    killed = start("alone")
    assert killed.works()
    killed.kill()
    with Machine(tmp_path) as machine:
        machine.enter(alone=True)
        machine.leave()
        machine.enter(alone=False)
