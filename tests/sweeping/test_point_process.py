import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from pipeline.sweeping import point_process, stage_runs
from pipeline.sweeping.claims import Claims
from pipeline.sweeping.point_process import Outcome
from pipeline.sweeping.workers import asking

# Stands for pipeline/cli/sweep_point.py: asks for a piece of work, runs it, says what it got.
_POINT = """
import json, os, sys, time
asked, answered = os.fdopen(int(sys.argv[1]), "w"), os.fdopen(int(sys.argv[2]))
print(json.dumps({"claim": "key"}), file=asked, flush=True)
refused = json.loads(answered.readline())["failed"]
print("arguments", *sys.argv[3:], flush=True)
if refused:
    sys.exit(f"ERROR: it is not tried again: {refused}")
print("Piece of work key: double", flush=True)
%s
print(json.dumps({"done": "key", "failed": None}), file=asked, flush=True)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "clone/pipeline/cli").mkdir(parents=True)
    return tmp_path / "clone"


def _run(folder: Path, body: str, name: str, claims: Claims, **options: object) -> Outcome:
    (folder / "pipeline/cli/sweep_point.py").write_text(_POINT % body)
    stop = options.get("stop")
    assert stop is None or isinstance(stop, threading.Event)
    return point_process.run(
        folder,
        name,
        ("a=1", "b=2"),
        log=folder.parent / f"{name}.log",
        asking=asking(claims, name),
        remote=bool(options.get("remote")),
        stop=stop,
    )


def test_a_point_is_given_its_name_and_overrides(folder: Path) -> None:
    claims = Claims()
    assert _run(folder, "", "s-1", claims, remote=True) == Outcome(None, (("key", "double"),))
    assert "arguments --remote s-1 a=1 b=2\n" in (folder.parent / "s-1.log").read_text()
    assert claims.made() == ["key"]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("sys.exit('Traceback\\nerror: data.path: no such file\\nERROR: failed to reproduce')", "data.path: no such file"),
        ("sys.exit('ERROR: failed to reproduce')", "failed to reproduce"),
        ("sys.exit(3)", "exit code 3, without a message"),
        ("os.kill(os.getpid(), 9)", "ended by SIGKILL"),
    ],
)
def test_why_there_is_no_experiment(folder: Path, body: str, reason: str) -> None:
    claims = Claims()
    assert _run(folder, body, "s-1", claims).failed == reason
    assert claims.ask("key", "another") == "yours"  # it was given back


def test_a_point_is_told_what_another_failed_at(folder: Path) -> None:
    claims = Claims()
    asking(claims, "s-0").ask("key")
    asking(claims, "s-0").done("key", "exit code 1")
    assert _run(folder, "", "s-1", claims) == Outcome("it is not tried again: point s-0 failed at it", ())


def test_a_point_waits_for_another_one_s_work(folder: Path) -> None:
    claims = Claims()
    claims.ask("key", "s-0")
    found: list[Outcome] = []
    thread = threading.Thread(target=lambda: found.append(_run(folder, "", "s-1", claims)))
    thread.start()
    time.sleep(1.0)
    assert thread.is_alive()
    assert "arguments" not in (folder.parent / "s-1.log").read_text()
    claims.done("key", "s-0", None)
    thread.join()
    assert found[0].failed is None


def test_a_point_that_is_to_stop_ends_with_what_it_has_started(folder: Path) -> None:
    stop, claims = threading.Event(), Claims()
    body = "import subprocess; child = subprocess.Popen(['sleep', '600']); print('child', child.pid, flush=True); child.wait()"
    thread = threading.Thread(target=_run, args=(folder, body, "s-1", claims), kwargs={"stop": stop})
    thread.start()
    log = folder.parent / "s-1.log"
    while not log.exists() or "child" not in log.read_text():
        time.sleep(0.05)
    child = psutil.Process(int(log.read_text().split("child ")[1].split()[0]))
    stop.set()
    thread.join(20)
    assert not thread.is_alive()
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE
    assert claims.ask("key", "another") == "yours"


def test_what_the_child_says_of_a_piece_of_work_is_what_is_read() -> None:
    assert point_process.RAN.findall(stage_runs.RUNS.format(key="abc", stage="quantize@int8")) == [("abc", "quantize@int8")]


def test_dvc_is_not_imported_by_who_only_waits() -> None:
    """Each Ray task would pay a second for it."""
    code = "import sys, pipeline.sweeping.point_process; sys.exit('dvc' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
