"""No process of the pipeline outlives the one that it works for."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipeline.system import processes
from tests.helpers import ROOT


def ended(pid: int) -> bool:
    """Whether a process is gone, or waits for nothing but to be asked how it ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def within(seconds: float, condition: Callable[[], bool]) -> bool:
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.02)
    return condition()


@pytest.fixture
def gone() -> int:
    """The number of a process that has ended."""
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    return child.pid


def test_a_process_lives_until_it_ends_and_its_number_is_not_another(gone: int) -> None:
    assert processes.lives(os.getpid(), since=time.time())
    assert not processes.lives(gone, since=time.time())
    # It had another owner then.
    assert not processes.lives(os.getpid(), since=1.0)


def test_a_zombie_does_not_live() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    assert within(20, lambda: ended(child.pid))  # and nobody has asked how
    assert not processes.lives(child.pid, since=time.time())
    child.wait()


@pytest.fixture
def parent_and_child(request: pytest.FixtureRequest) -> Iterator[tuple[int, int]]:
    """A process, and one that it started, which ends with it as the parameter says."""
    child = (
        f"import os, time; from pipeline.system import processes; {request.param}; print(os.getpid(), flush=True); time.sleep(60)"
    )
    script = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    yield parent.pid, pid
    parent.kill()
    parent.wait()
    parent.stdout.close()
    if not ended(pid):
        os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("parent_and_child", ["processes.end_with_parent()", "processes.watch_parent(0.05)"], indirect=True)
def test_it_ends_with_its_parent(parent_and_child: tuple[int, int]) -> None:
    parent, child = parent_and_child
    assert not ended(child)
    os.kill(parent, signal.SIGKILL)
    assert within(10, lambda: ended(child))


@pytest.mark.parametrize("parent_and_child", ["pass"], indirect=True)
def test_without_it_goes_on(parent_and_child: tuple[int, int]) -> None:
    parent, child = parent_and_child
    os.kill(parent, signal.SIGKILL)
    assert not within(0.5, lambda: ended(child))


def test_a_process_descends_from_those_that_started_it(gone: int) -> None:
    assert processes.descends_from({os.getppid()})
    assert processes.descends_from({gone, 1})
    assert not processes.descends_from({gone})
    assert not processes.descends_from(set())


def test_holders_are_those_that_read_and_write(tmp_path: Path) -> None:
    lock = {"read": {"a": [{"pid": 1, "cmd": "x"}, {"pid": 2, "cmd": "x"}]}, "write": {"b": {"pid": 3, "cmd": "x"}}}
    (tmp_path / "rwlock").write_text(json.dumps(lock))
    assert {holder["pid"] for holder in processes.holders(tmp_path / "rwlock")} == {1, 2, 3}
    (tmp_path / "rwlock").write_text("{}")
    assert processes.holders(tmp_path / "rwlock") == []


@pytest.mark.skipif(sys.platform != "linux", reason="nothing else says who started whom without another program")
def test_descendants_are_those_that_a_process_started_and_that_these_did() -> None:
    with subprocess.Popen(["sh", "-c", "sleep 60 & wait"]) as shell:
        assert within(10, lambda: len(processes.descendants(shell.pid)) == 1)
        (inner,) = processes.descendants(shell.pid)
        assert {shell.pid, inner} <= set(processes.descendants(os.getpid()))
        os.kill(inner, signal.SIGKILL)
    assert shell.pid not in processes.descendants(os.getpid())


@pytest.mark.parametrize(
    ("content", "goes_on"),
    [
        ('{"read": {}, "write": {"x": {"pid": OWN, "cmd": "dvc"}}}', True),
        ('{"read": {}, "write": {"x": {"pid": GONE, "cmd": "dvc"}}}', False),
        ('{"read": {}, "write": {}}', False),
        # Cut off by another kill: nothing is known.
        ("", True),
        ("[]", True),
    ],
)
def test_a_stage_whose_dvc_was_killed_before_it_began_does_not_begin(
    content: str, goes_on: bool, gone: int, tmp_path: Path
) -> None:
    lock = tmp_path / processes.RWLOCK
    lock.parent.mkdir(parents=True)
    lock.write_text(content.replace("OWN", str(os.getpid())).replace("GONE", str(gone)))
    for environment, expected in (({"DVC_STAGE": "gate"}, goes_on), ({}, True)):
        command = [sys.executable, "-c", "from pipeline.system import processes; processes.end_with_dvc(); print('on')"]
        settings = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
        done = subprocess.run(command, cwd=tmp_path, env=settings, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout.strip()) == ((0, "on") if expected else (1, "")), json.dumps(environment)
        if not expected:
            assert done.stderr == "error: the `dvc` that started this stage was killed; run it again\n"
