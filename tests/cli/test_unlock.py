"""What a killed `dvc` leaves is put right, said, and never taken from one that lives. DVC itself is the judge of what is right."""

import fcntl
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline import paths
from pipeline.cli import unlock
from pipeline.errors import UserError
from pipeline.system import processes
from tests.cli.locked import fails, unlocked, write_of
from tests.helpers import ROOT, call


def test_where_nothing_is_wrong_nothing_is_said_or_changed(small: Path) -> None:
    before = (small / processes.RWLOCK).read_bytes()
    assert unlocked(small).stdout == ""
    assert (small / processes.RWLOCK).read_bytes() == before


@pytest.fixture
def background() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start the command in the background; it is ended with the test."""
    started: list[subprocess.Popen[str]] = []

    def start(folder: Path, *command: str) -> subprocess.Popen[str]:
        settings = {**os.environ, "PYTHONPATH": str(ROOT), "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
        process = subprocess.Popen(
            ["python", "-m", "pipeline.cli.unlock", *command],
            cwd=folder,
            env=settings,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def said(process: subprocess.Popen[str]) -> str:
    assert process.stderr is not None
    return process.stderr.readline()


def waits(process: subprocess.Popen[str]) -> bool:
    """It is still there after a second."""
    try:
        process.wait(timeout=1)
    except subprocess.TimeoutExpired:
        return True
    return False


def test_a_lock_of_a_living_process_is_waited_for(small: Path, background: Any) -> None:
    content = json.dumps(write_of(os.getpid()))
    (small / processes.RWLOCK).write_text(content)
    process = background(small, "echo", "ran")
    assert said(process) == f"waiting for process {os.getpid()} (dvc repro), which works in this folder; Ctrl-C ends the waiting\n"
    assert waits(process)
    assert (small / processes.RWLOCK).read_text() == content
    # At once, as nothing guards the file here: DVC has its own lock held while it writes it.
    (small / "released").write_text("{}")
    (small / "released").replace(small / processes.RWLOCK)
    assert process.communicate(timeout=20) == ("ran\n", "")


def test_dvc_at_its_own_files_is_waited_for(small: Path, background: Any) -> None:
    with (small / unlock._REPOSITORY).open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        held.write(" 77\n")
        held.flush()
        process = background(small, "echo", "ran")
        assert said(process).startswith("waiting for process 77 (dvc), which works in this folder")
        assert waits(process)
    assert process.communicate(timeout=20) == ("ran\n", "")


def test_an_experiment_in_this_folder_is_waited_for(small: Path, background: Any) -> None:
    running = small / unlock._EXPERIMENT
    running.parent.mkdir(parents=True)
    running.write_text(json.dumps({"pid": os.getpid()}))
    process = background(small, "echo", "ran")
    assert "(dvc exp run)" in said(process)
    assert waits(process)
    running.unlink()
    assert process.communicate(timeout=20) == ("ran\n", "")


def test_one_that_is_gone_is_not(gone: int, small: Path) -> None:
    running = small / unlock._EXPERIMENT
    running.parent.mkdir(parents=True)
    running.write_text(json.dumps({"pid": gone}))
    assert unlocked(small, "echo", "ran").stdout == "ran\n"
    assert not running.exists()


def test_two_at_once_go_one_after_the_other(small: Path, background: Any) -> None:
    first = background(small, "sh", "-c", "echo begins >&2; sleep 1; echo ends; sleep 0.5")
    assert said(first) == "begins\n"
    second = background(small, "sh", "-c", "echo second")
    assert said(second).startswith(f"waiting for process {first.pid} (sh -c echo begins")
    assert second.communicate(timeout=20)[0] == "second\n"
    assert first.poll() is not None


def test_the_lock_ends_with_a_killed_command(small: Path, background: Any) -> None:
    first = background(small, "sh", "-c", "echo begins >&2; exec sleep 60")
    assert said(first) == "begins\n"
    first.kill()
    first.wait()
    assert unlocked(small, "echo", "ran").stdout == "ran\n"


def test_inside_of_it_commands_go_on(small: Path) -> None:
    assert unlocked(small, "python", "-m", "pipeline.cli.unlock", "echo", "ran").stdout == "ran\n"


def test_somewhere_else_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"no DVC project here; run it in the folder that holds dvc\.yaml"), unlock.alone("test"):
        pass


def test_a_dvc_lock_that_was_cut_off_loses_no_whole_stage(small: Path) -> None:
    lock = small / paths.LOCK
    whole = lock.read_text()
    lock.write_text(whole + "  other:\n    cmd: cp b c\n    deps:\n    - path: b\n      has")
    assert "dvc.lock" in fails(small)
    assert unlocked(small).stdout == (
        "dvc.lock was cut off, as `kill -9` can leave it: stages kept: 1; others come from DVC's cache or run again\n"
    )
    assert lock.read_text() == whole
    assert "didn't change, skipping" in call("dvc", "repro", cwd=small).stdout


def test_what_a_dvc_was_copying_is_removed(small: Path) -> None:
    left = small / ".dvc/cache/files/md5/9a/.pTMq1kq0Fv0Y8mJ7-Kc_Ug.tmp"
    left.parent.mkdir(parents=True, exist_ok=True)
    left.touch()
    assert unlocked(small).stdout.startswith("removed what killed processes left: 1 temporary files or folders, such as .dvc/cache")
    assert not left.exists()


def test_a_run_that_dvc_was_about_to_remember_is_no_traceback(small: Path) -> None:
    """It makes the folder first, and what is in it then: killed in between, it refuses the stage for ever."""
    (run,) = (small / ".dvc/cache/runs").glob("*/*/*")
    run.unlink()
    (small / paths.LOCK).unlink()
    assert "join() argument must be str" in call("dvc", "repro", cwd=small, check=False).stdout
    assert unlocked(small).stdout.startswith("removed what killed processes left: 1 temporary files or folders, such as .dvc/cache")
    assert "Running stage 'copy'" in call("dvc", "repro", cwd=small).stdout
