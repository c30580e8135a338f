"""The report, the summary and models/selected/ never speak of another run than the last."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline import files, paths, stale
from tests.helpers import call, edited_params, stages_run

CHOSEN = (paths.SELECTED, paths.METRICS, paths.LATENCY)
REPORTED = (paths.PAGE, paths.SUMMARY, paths.PICTURES, paths.PLOTS)
ALL = (*CHOSEN, *REPORTED, paths.GATE)


@pytest.mark.parametrize(
    ("command", "stage"),
    [
        (["python", "-m", "pipeline.load"], "load"),
        (["/usr/bin/python", "-X", "dev", "-m", "pipeline.predict", "int8"], "predict"),
        (["python", "-m", "pipeline.cli.table"], None),
        (["python", "-m", "pytest", "pipeline.load"], None),
        (["python", "-c", "import pipeline.load"], None),
        (["python", "-m"], None),
    ],
)
def test_a_stage_is_told_by_its_command(command: list[str], stage: str | None) -> None:
    assert stale.stage_of(command) == stage


@pytest.mark.parametrize(
    ("stage", "left"),
    [("check", ()), ("predict", ()), ("evaluate", ()), ("select", ()), ("report", CHOSEN), ("gate", (*CHOSEN, *REPORTED))],
)
def test_what_is_older_than_a_stage_is_removed(
    stage: str, left: tuple[Path, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    stale.remove(stage)  # there is nothing yet
    for path in ALL:
        if path.suffix:
            files.write_text(path, "of another run")
        else:
            files.write_text(path / "file", "of another run")
    files.write_text(paths.ACCURACY, "of this run")
    stale.remove(stage)
    assert [path for path in ALL if path.exists()] == list(left)
    assert paths.ACCURACY.exists()


def state(project: Path) -> dict[Path, str]:
    """What is left of the last run, by content."""
    return {path: files.content_sha256(project / path) for path in ALL if (project / path).exists()}


# Latencies are measured anew wherever a benchmark runs; DVC may bring back those of another run of the same files.
MEASURED = (paths.LATENCY, paths.PAGE, paths.PLOTS)


def are_back(project: Path, before: dict[Path, str]) -> None:
    """What was removed is there again, and its latencies are those of the benchmarks that lie beside it."""
    after = state(project)
    assert set(after) == set(before)
    assert {path: after[path] for path in after if path not in MEASURED} == {
        path: before[path] for path in before if path not in MEASURED
    }
    for name, row in files.read_json(project / paths.LATENCY)["variants"].items():
        assert row["latency_median_ms"] == files.read_json(project / paths.BENCHMARK_REPORTS / f"{name}.json")["latency_median_ms"]


@pytest.fixture(scope="module")
def workspace(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One copy for all: each test puts back what it changed."""
    return Path(shutil.copytree(finished, tmp_path_factory.mktemp("stale") / "project", symlinks=True))


def another_network(project: Path) -> None:
    (project / "models" / "other.keras").write_bytes(b"this is no network")
    edited_params(project, project, {"model.path": "models/other.keras", "model.name": "other"})


def missing_network(project: Path) -> None:
    edited_params(project, project, {"model.path": "models/missing.keras"})


def missing_data(project: Path) -> None:
    edited_params(project, project, {"data.path": "data/missing.npz"})


def too_many_samples(project: Path) -> None:
    edited_params(project, project, {"data.splits.calibration.take": 100_000})


def own_code_that_does_not_compile(project: Path) -> None:
    with (project / "pipeline/custom/metrics.py").open("a", encoding="utf-8") as stream:
        stream.write("\nthis is no Python\n")


@pytest.mark.parametrize(
    "spoil", [another_network, missing_network, missing_data, too_many_samples, own_code_that_does_not_compile]
)
def test_after_a_failure_they_are_gone_and_going_back_brings_them_back(workspace: Path, spoil: Callable[[Path], None]) -> None:
    before = state(workspace)
    assert set(before) == set(ALL)
    spoil(workspace)
    failed = call("dvc", "repro", cwd=workspace, check=False)
    assert failed.returncode != 0
    assert state(workspace) == {}, failed.stdout
    call("git", "checkout", "-q", "params.yaml", "pipeline", cwd=workspace)
    done = call("dvc", "repro", cwd=workspace)
    assert stages_run(done.stdout) == set(), done.stdout
    are_back(workspace, before)
    assert stages_run(call("dvc", "repro", cwd=workspace).stdout) == set()


def test_make_repro_removes_them_where_dvc_starts_no_stage(workspace: Path) -> None:
    """The network of the last run is gone: DVC asks no stage, `check` neither. `make repro` asks before."""
    before, network = state(workspace), workspace / "models/digits_cnn.keras"
    network.rename(workspace / "elsewhere.keras")
    done = call("python", "-m", "pipeline.cli.preflight", cwd=workspace, check=False)
    assert done.returncode == 1
    assert done.stdout.startswith("error: model.path: no such file or folder: models/digits_cnn.keras; put it there, or set")
    assert done.stdout.count("\n") == 1
    assert state(workspace) == {}
    assert call("dvc", "repro", cwd=workspace, check=False).returncode != 0
    (workspace / "elsewhere.keras").rename(network)
    call("dvc", "repro", cwd=workspace)
    are_back(workspace, before)


def test_after_a_kill_they_are_gone(workspace: Path) -> None:
    before = state(workspace)
    metrics = workspace / "pipeline/custom/metrics.py"
    text = metrics.read_text(encoding="utf-8")
    metrics.write_text(
        f"{text}\nimport pathlib\nimport time\n\npathlib.Path('started').touch()\ntime.sleep(600)\n", encoding="utf-8"
    )
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    environment = {key: value for key, value in environment.items() if not key.startswith(("DVC_", "GIT_"))}
    running = subprocess.Popen(
        ["dvc", "repro"], cwd=workspace, env={**environment, "PYTHONPATH": str(workspace)}, start_new_session=True
    )
    until = time.monotonic() + 120
    while not (workspace / "started").exists():
        assert running.poll() is None, "it ended by itself"
        assert time.monotonic() < until
        time.sleep(0.1)
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    assert state(workspace) == {}
    (workspace / "started").unlink()
    metrics.write_text(text, encoding="utf-8")
    (workspace / ".dvc/tmp/rwlock").unlink(missing_ok=True)  # a killed DVC may leave it empty
    call("dvc", "repro", cwd=workspace)
    are_back(workspace, before)
