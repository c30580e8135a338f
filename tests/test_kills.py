"""`make kills` in short, that it sees what a kill could leave, and two runs at once. All with real processes."""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline import paths
from tests.helpers import ROOT, call, stages_run
from tests.kills import __main__ as kills
from tests.kills import finished as of
from tests.kills.attacks import EXPERIMENT, KINDS, REPRO
from tests.kills.table import Row, printed


@pytest.fixture
def done(project: Path, tmp_path: Path) -> of.Project:
    """A finished project, with folders of its own for /tmp and /var/tmp."""
    for name in ("tmp", "site"):
        (tmp_path / name).mkdir()
    assert project == of.Project(tmp_path).root
    return of.Project(tmp_path)


def half_written(project: of.Project) -> None:
    (project.root / "models/variants/.int8.7.tmp").mkdir()


def half_copied(project: of.Project) -> None:
    (project.root / ".dvc/cache/files/md5/00").mkdir(exist_ok=True)
    (project.root / ".dvc/cache/files/md5/00/.pTMq1kq0Fv0Y8mJ7-Kc_Ug.tmp").touch()


def changed_byte(project: of.Project) -> None:
    path = project.root / paths.FLOAT32
    path.chmod(0o644)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def changed_cache(project: of.Project) -> None:
    path = next((project.root / ".dvc/cache/files/md5").glob("*/*.dir"))
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-1])


def cut_off_run(project: of.Project) -> None:
    path = next((project.root / ".dvc/cache/runs").glob("*/*/*"))
    path.chmod(0o644)
    path.write_text("cmd")


def empty_run(project: of.Project) -> None:
    (project.root / ".dvc/cache/runs/00/00").mkdir(parents=True)


def missing_output(project: of.Project) -> None:
    (project.root / paths.RANGES).unlink()


def other_lock(project: of.Project) -> None:
    path = project.root / paths.LOCK
    path.write_text(path.read_text().replace("pipeline.evaluate", "pipeline.evaluated", 1))


def detached(project: of.Project) -> None:
    call("git", "checkout", "-q", "--detach", cwd=project.root)


def stashed(project: of.Project) -> None:
    (project.root / "README.md").write_text("mine")
    call("git", "stash", "-q", cwd=project.root)


def experiment_goes_on(project: of.Project) -> None:
    call("git", "update-ref", "refs/exps/exec/EXEC_HEAD", "HEAD", cwd=project.root)


def index_locked(project: of.Project) -> None:
    (project.root / ".git/index.lock").touch()


def in_tmp(project: of.Project) -> None:
    (project.folder / "tmp/tmpabc").mkdir()


PLANTED: dict[str, Callable[[of.Project], None]] = {
    "models/variants/.int8.7.tmp: left over": half_written,
    ".dvc/cache/files/md5/00/.pTMq1kq0Fv0Y8mJ7-Kc_Ug.tmp: left over": half_copied,
    "models/float32.tflite: other bytes": changed_byte,
    ".dir: other bytes than its name says": changed_cache,
    "no record of a run": cut_off_run,
    ".dvc/cache/runs/00/00: empty": empty_run,
    "models/ranges.json: missing": missing_output,
    "dvc.lock: evaluate": other_lock,
    "git: HEAD is checked out": detached,
    "refs/stash": stashed,
    "refs/exps/exec/EXEC_HEAD": experiment_goes_on,
    ".git/index.lock: left over": index_locked,
    "/tmp/tmpabc: left over": in_tmp,
}


@pytest.mark.parametrize("said", PLANTED)
def test_what_a_kill_could_leave_is_wrong(said: str, done: of.Project) -> None:
    expected = of.state(done)
    assert of.differences(done, expected) == []
    PLANTED[said](done)
    assert any(said in what for what in of.differences(done, expected))


def test_a_process_that_goes_on_is_wrong(done: of.Project) -> None:
    expected = of.state(done)
    with subprocess.Popen(["sleep", "60"], cwd=done.root) as process:
        assert of.differences(done, expected) == [f"process {process.pid} still runs"]
        assert not of.all_gone(done, within_s=0.1)
        process.kill()
    assert of.all_gone(done, within_s=5)


def test_what_is_measured_may_differ(done: of.Project) -> None:
    expected = of.state(done)
    for path in (paths.benchmark("int8"), paths.PAGE):
        (done.root / path).chmod(0o644)
        (done.root / path).write_text("other")
    assert of.differences(done, expected) == []
    (done.root / paths.PAGE).unlink()
    assert of.differences(done, expected) == ["reports/index.html: missing"]


def test_a_stage_that_is_forgotten_runs_again_and_no_other(done: of.Project) -> None:
    expected = of.state(done)
    of.forget(done, "calibrate")
    assert not (done.root / paths.RANGES).exists()
    assert done.start("dvc", "repro", log="log").wait(timeout=300) == 0
    assert stages_run((done.folder / "log").read_text()) == {"calibrate"}
    assert of.differences(done, expected) == []


def test_the_table_counts() -> None:
    rows = [
        Row("load", "the stage", tried=1, answered=1),
        Row("load", "dvc alone", tried=1, wrong=["x: left over"]),
        Row("gate", "the stage", late=5),
    ]
    assert printed(rows) == (
        "| attack | tried | answered | wrong |\n|---|---:|---:|---:|\n"
        "| `load` | 2 | 1 | 1 |\n| `gate` | 0 | 0 | 0 |\n"
        "| killed: the stage | 1 | 1 | 0 |\n| killed: dvc alone | 1 | 0 | 1 |\n| all | 2 | 1 | 1 |\n"
    )
    assert rows[1].said() == "; wrong: x: left over"


def test_every_stage_is_killed(done: of.Project) -> None:
    names = {
        path.stem
        for path in (ROOT / "pipeline").glob("*.py")
        if f"python -m pipeline.{path.stem}" in (ROOT / paths.DVC).read_text()
    }
    # A search and a simulation are none of the default project's; `finished.OVERRIDES` ask for them.
    assert {name.split("@")[0] for name in kills.stages(done)} | {"search", "simulate"} == names
    assert [name for name in kills.stages(done) if "@" in name] == [
        f"{stage}@int8" for stage in ("quantize", "predict", "verify", "benchmark")
    ]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which campaigns find the project they need finished."""
    folder = tmp_path_factory.mktemp("kills")
    of.make(folder / "pristine")
    return folder


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "stages"),
    [
        ("the stage", ["search@mixed"]),
        ("dvc alone", ["convert"]),
        ("all, any time", ["benchmark@int8", "report"]),
        ("all, while DVC commits", ["convert"]),
        ("all of `dvc exp run`", ["calibrate"]),
    ],
)
def test_a_short_campaign(kind: str, stages: list[str], folder: Path) -> None:
    rows = list(kills.campaign(folder, count=len(stages), seed=7, only=stages, kinds=[kind]))
    assert [(row.stage, row.tried, row.answered, row.wrong) for row in rows] == [(stage, 1, 1, []) for stage in stages]


def test_a_short_campaign_kills_in_every_way() -> None:
    (mark,) = (mark for mark in test_a_short_campaign.pytestmark if mark.name == "parametrize")  # type: ignore[attr-defined]
    assert [case[0] for case in mark.args[1]] == list(KINDS)


@pytest.fixture
def copy(folder: Path, tmp_path: Path) -> of.Project:
    """A copy of the campaign's project with a stage to do."""
    subprocess.run(["cp", "-a", f"{folder / 'pristine'}/.", str(tmp_path)], check=True)
    return of.Project(tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("first", "second"), [(REPRO, REPRO), (REPRO, EXPERIMENT), (EXPERIMENT, REPRO)], ids=["repro+repro", "repro+exp", "exp+repro"]
)
def test_two_of_dvc_at_once_lose_nothing(first: tuple[str, ...], second: tuple[str, ...], copy: of.Project) -> None:
    """DVC refuses one of them in its own words, or has it wait; one more run ends with what was.

    `dvc exp run` clears the folder before it asks for the lock: the other may miss what it made, and both fail then.
    """
    expected = of.state(copy)
    of.forget(copy, "convert")
    runs = [copy.start(*first, log="first.log"), copy.start(*second, log="second.log")]
    codes = [run.wait(timeout=300) for run in runs]
    assert 0 in codes or EXPERIMENT in (first, second)
    for code, log in zip(codes, ("first.log", "second.log"), strict=True):
        said = (copy.folder / log).read_text()
        words = ["is busy, it is being blocked by", "Unable to acquire lock"]
        words += ["does not exist"] if EXPERIMENT in (first, second) else []
        assert code == 0 or any(text in said for text in words), said
    finished = copy.complete()
    assert finished.returncode == 0, finished.stdout
    assert of.differences(copy, expected) == []


def _make(project: of.Project, target: str, log: str) -> subprocess.Popen[bytes]:
    """A target of the Makefile, set up already."""
    return project.start("make", "--no-print-directory", target, "--old-file", ".venv/installed", "SWEEP=algorithms", log=log)


def _until(text: str, log: Path, run: subprocess.Popen[bytes]) -> None:
    while text not in log.read_text():
        assert run.poll() is None, log.read_text()
        time.sleep(0.05)


@pytest.mark.slow
@pytest.mark.parametrize("beside", ["repro", "sweep", "table", "params"])
def test_what_make_runs_waits_for_another(beside: str, done: of.Project) -> None:
    """The second says for whom it waits, does so, and the first ends as if it were alone."""
    expected = of.state(done)
    of.forget(done, "convert")
    logs = [done.folder / "first.log", done.folder / "second.log"]
    first = _make(done, "repro", logs[0].name)
    _until("Running stage", logs[0], first)
    second = _make(done, beside, logs[1].name)
    _until("which works in this folder; Ctrl-C ends the waiting", logs[1], second)
    assert logs[1].read_text().startswith("waiting for process")
    if beside != "repro":
        os.killpg(second.pid, signal.SIGKILL)
    assert first.wait(timeout=600) == 0, logs[0].read_text()
    assert second.wait(timeout=600) == (0 if beside == "repro" else -signal.SIGKILL)
    assert stages_run(logs[1].read_text()) == set()
    assert of.differences(done, expected) == []
