"""Sweeps of real projects; the oracle is `dvc exp run` of the same point, in a folder of its own."""

import os
import random
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import yaml

from pipeline.cli import compose, sweep
from pipeline.sweeping.grid import covering
from tests.helpers import ROOT, call, stages_run
from tests.sweeping.swept import GRID, SUMMARY, SWEEP, figures, made, names, refs, swept_lock


def test_an_unknown_grid_names_those_there_are(finished: Path) -> None:
    done = call("python", "-m", "pipeline.cli.sweep", "everything", cwd=finished, check=False)
    assert done.returncode == 1
    assert "error: sweep: unknown 'everything'; allowed: algorithms" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "sweep: no grid; name a file of conf/sweep/ (`make sweep SWEEP=algorithms`), or give -S OPTION=VALUE,VALUE"),
        (("-S", "calibrate.sampels=1,2"), "calibrate.sampels: unknown key (did you mean 'samples'?)"),
        (("-S", "calibrate.samples=50,many"), "calibrate.samples: got 'many'; expected a whole number"),
        (("-S", "calibrate.samples=50,100000"), "calibrate.samples: 100000 is more than the calibration pool"),
        (("-S", "seed=[1"), "-S: no viable alternative at input '[1'"),
        (("algorithms", "--jobs", "0"), "--jobs: got 0, expected 1 or more"),
        (("algorithms", "--ray", "auto"), "RAY: nodes share results by a cache that all of them see"),
    ],
)
def test_what_cannot_be_swept_is_said_before_anything_runs(finished: Path, arguments: tuple[str, ...], message: str) -> None:
    done = call("python", "-m", "pipeline.cli.sweep", *arguments, cwd=finished, check=False)
    assert done.returncode == 1
    assert f"error: {message}" in done.stdout.replace("error: conf: ", "error: ")
    assert "Traceback" not in done.stdout


def test_the_grids_that_docs_show_are_configurations(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    text = (ROOT / "docs/sweeps.md").read_text(encoding="utf-8")
    commands = [shlex.split(line)[3:] for line in text.splitlines() if line.startswith("python -m pipeline.cli.sweep ")]
    assert len(commands) >= 2
    for grid in (ROOT / "conf/sweep").glob("*.yaml"):
        commands.append([grid.stem])
    for command in commands:
        options = sweep.arguments(command)
        for point in covering(sweep.points(options.grid, options.set_param)):
            compose.compose(ROOT, list(point))


def test_what_git_refuses_is_a_line(finished: Path, tmp_path: Path) -> None:
    """A git that cannot clone, as on a full disk."""
    script = f'[ "$1" != clone ] || {{ echo "fatal: No space left on device" >&2; exit 128; }}\nexec {shutil.which("git")} "$@"\n'
    (tmp_path / "git").write_text(f"#!/bin/sh\n{script}")
    (tmp_path / "git").chmod(0o755)
    code = (
        f"import os, sys; os.environ['PATH'] = {f'{tmp_path}:'!r} + os.environ['PATH']; sys.argv = ['sweep', 'algorithms']\n"
        "from pipeline.cli import sweep; from pipeline.errors import run; run(sweep.main)"
    )
    done = call("python", "-c", code, cwd=finished, check=False)
    assert done.returncode == 1
    assert "error: `git clone --quiet --no-checkout --shared " in done.stdout
    assert "failed: fatal: No space left on device" in done.stdout
    assert "Traceback" not in done.stdout
    assert not (finished / ".dvc/tmp/sweep/clones").exists()


@pytest.mark.slow
def test_each_point_is_what_dvc_makes_of_it_and_each_piece_of_work_is_done_once(project: Path, tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    shutil.copytree(project, plain, symlinks=True)
    before = call("git", "status", "--porcelain", cwd=project).stdout
    old = {path.name for path in (project / ".dvc/cache/runs").glob("*/*")}
    done = call(*SWEEP, cwd=project).stdout
    points, failed, ran, distinct = map(int, SUMMARY.findall(done)[0])
    assert (points, failed) == (len(GRID), 0)
    assert ran == distinct == len({path.name for path in (project / ".dvc/cache/runs").glob("*/*")} - old)
    assert call("git", "status", "--porcelain", cwd=project).stdout == before
    assert not (project / ".dvc/tmp/sweep/clones").exists()
    # One of them by DVC alone: the same figures, and the same file for each output that no clock has a part in.
    (name,) = [name for name in refs(project) if "octav" in made(project, name, "params.yaml")]
    call("python", "-m", "pipeline.cli.compose", *GRID[-1], cwd=plain)  # it removes what other variants have left
    call("dvc", "exp", "run", *(part for override in GRID[-1] for part in ("-S", override)), "select", cwd=plain)
    assert made(project, name, "reports/metrics.json") == (plain / "reports/metrics.json").read_text()
    assert made(project, name, "params.yaml") == (plain / "params.yaml").read_text()
    assert swept_lock(made(project, name, "dvc.lock")) == swept_lock((plain / "dvc.lock").read_text())
    # The same again has nothing to do; one more value has its own work alone.
    assert "3 points, 3 of them there already" in call(*SWEEP, cwd=project).stdout
    # Brought back, it says that it has no report, and is asked for one.
    call("python", "-m", "pipeline.cli.apply", name, cwd=project)
    assert "`dvc repro` makes it" in (project / "reports/summary.md").read_text()
    assert stages_run(call("dvc", "repro", cwd=project).stdout) == {"report", "gate"}
    assert "octav" in (project / "models/selected/provenance.json").read_text() + (project / "params.yaml").read_text()
    assert (project / "reports/summary.md").read_text().startswith("#")
    call("dvc", "exp", "branch", name, "release", cwd=project)
    assert call("git", "show", "release:params.yaml", cwd=project).stdout == made(project, name, "params.yaml")


@pytest.mark.slow
def test_a_point_that_fails_is_listed_and_stops_nothing_and_is_tried_again(project: Path) -> None:
    broken = project / "models/broken.keras"
    broken.write_bytes((project / "models/digits_cnn.keras").read_bytes()[:1000])
    call("git", "add", "models/broken.keras", cwd=project)
    (project / "conf/gate/default.yaml").write_text("enabled: true\nstrict: true\n")  # changed, and not committed
    command = ("python", "-m", "pipeline.cli.sweep", "-S", "quantization=[float32]", "-S", "seed=0,1")
    two = (*command, "-S", "model.path=models/digits_cnn.keras,models/broken.keras")
    done = call(*two, cwd=project, check=False)
    assert done.returncode == 1
    assert "2 points done, 2 failed" in done.stdout
    assert "model.path: models/broken.keras is not readable as a .keras file" in done.stdout
    assert "it is not tried again: point sweep-" in done.stdout
    assert "error: 2 of 4 points failed, see above; the same command runs them again, and no others" in done.stdout
    assert {yaml.safe_load(made(project, name, "params.yaml"))["gate"]["strict"] for name in refs(project)} == {True}
    done = call(*two, cwd=project, check=False)
    assert "4 points, 2 of them there already" in done.stdout
    assert "0 points done, 2 failed" in done.stdout


@pytest.mark.slow
def test_ctrl_c_and_kill_lose_nothing_that_was_finished(project: Path) -> None:
    command = [sys.executable, "-m", "pipeline.cli.unlock", *SWEEP]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PYTHONPATH": str(project), "PATH": path}
    chance, finished = random.Random(13), set[str]()
    for how in (signal.SIGINT, signal.SIGKILL):
        log = (project.parent / "log").open("w")
        process = subprocess.Popen(command, cwd=project, env=environment, stdout=log, stderr=log, start_new_session=True)
        _until_a_stage_runs(project)
        time.sleep(chance.uniform(0, 8))
        if how is signal.SIGINT:
            os.killpg(process.pid, how)
        else:
            process.kill()
        process.wait()
        log.close()
        assert finished <= set(refs(project))
        finished = set(refs(project))
        _nobody_works_in(project)
    done = call("python", "-m", "pipeline.cli.unlock", *SWEEP, cwd=project).stdout
    assert f"{len(GRID)} points, {len(finished)} of them there already" in done
    assert sorted(refs(project)) == sorted(names(project))
    assert not (project / ".dvc/tmp/sweep/clones").exists()
    for name in refs(project):
        assert figures(project, name)["n"] == 450
    assert call("dvc", "status", cwd=project).stdout.strip() == "Data and pipelines are up to date."


def _until_a_stage_runs(project: Path) -> None:
    while not any("Piece of work" in log.read_text() for log in (project / ".dvc/tmp/sweep/logs").glob("*.log")):
        time.sleep(0.1)


def _nobody_works_in(project: Path) -> None:
    """What the killed ones have started ends by itself."""
    for _ in range(100):
        there = []
        for process in psutil.process_iter():
            try:
                if Path(process.cwd()).is_relative_to(project) and process.status() != psutil.STATUS_ZOMBIE:
                    there.append(process)
            except psutil.Error:
                continue
        if not there:
            return
        time.sleep(0.1)
    raise AssertionError(f"still at work: {there}")
