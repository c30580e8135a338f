"""A queued experiment that is killed in earnest, in a project of one stage that takes a minute."""

import json
import os
import subprocess
import time
from pathlib import Path

import psutil
import pytest
import yaml

from pipeline.cli import unlock_queue
from pipeline.system import processes
from tests.helpers import call


def cured() -> list[str]:
    said: list[str] = []
    unlock_queue.cure(said.append)
    return said


def inside(folder: Path) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            if Path(process.cwd()).is_relative_to(folder) and process.pid != os.getpid():
                found.append(process)
        except psutil.Error:
            continue
    return found


def test_where_nothing_is_queued_nothing_is_done(small: Path) -> None:
    assert cured() == []
    started = small / ".dvc/tmp/exps/run/abc/abc.json"
    started.parent.mkdir(parents=True)
    for content in ("", "[]", json.dumps({"pid": 1, "returncode": None}), json.dumps({"pid": os.getpid(), "returncode": None})):
        started.write_text(content)
        assert cured() == []


@pytest.mark.slow
def test_a_killed_one_counts_as_failed_and_the_others_can_run(small: Path) -> None:
    slow = {"stages": {"copy": {"cmd": "sleep 60 && cp a b", "deps": ["a"], "outs": ["b"]}}}
    (small / "dvc.yaml").write_text(yaml.safe_dump(slow))
    call("git", "commit", "-qam", "slow", cwd=small)
    call("dvc", "exp", "run", "--queue", "--name", "killed", cwd=small)
    with subprocess.Popen(["dvc", "exp", "run", "--run-all"], stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT):
        end = time.monotonic() + 120
        while not any("sleep" in process.name() for process in inside(small)) and time.monotonic() < end:
            time.sleep(0.2)
        assert "Running" in call("dvc", "queue", "status", cwd=small).stdout
        assert cured() == []  # it lives
        # At one moment: none sees another one's end.
        killed = inside(small)
        for action in ("suspend", "kill"):
            for process in killed:
                getattr(process, action)()
        while any(processes.lives(process.pid, since=time.time()) for process in killed):
            time.sleep(0.05)
    folders = [path for path in (small / ".dvc/tmp/exps").iterdir() if path.name.startswith("tmp")]
    assert len(folders) == 1
    runs = {path.name: path.read_text() for path in (small / ".dvc/tmp/exps/run").glob("*/*.json")}
    assert cured() == ["queued experiment killed was killed: it counts as failed now; `dvc queue remove killed` forgets it"], runs
    assert not folders[0].exists()
    status = call("dvc", "queue", "status", cwd=small).stdout
    assert "Failed" in status
    assert "Running" not in status
    assert cured() == []
