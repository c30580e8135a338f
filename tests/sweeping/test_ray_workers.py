"""Sweeps on a real cluster of two nodes; the oracle is the same sweep on this machine alone."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipeline.errors import UserError
from pipeline.sweeping import ray_workers, workspace
from tests.clusters import Cluster
from tests.helpers import call, copy_repository, stages_run
from tests.sweeping.swept import GRID, SUMMARY, SWEEP, made, refs, swept_lock


@pytest.fixture(scope="module")
def local(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sweep by two workers of this machine."""
    project = tmp_path_factory.mktemp("local") / "project"
    shutil.copytree(finished, project, symlinks=True)
    call(*SWEEP, cwd=project)
    return project


def _same(project: Path, local: Path) -> None:
    """The same experiments from the same commit, and every file of them that no clock has a part in is the same."""
    assert refs(project) == refs(local)
    for name in refs(local):
        for path in ("params.yaml", "reports/metrics.json"):
            assert made(project, name, path) == made(local, name, path)
        assert swept_lock(made(project, name, "dvc.lock")) == swept_lock(made(local, name, "dvc.lock"))


def _brought_back(project: Path) -> None:
    """As if it had run here: DVC has everything, and runs what the points have left out."""
    name = next(iter(refs(project)))
    call("python", "-m", "pipeline.cli.apply", name, cwd=project)
    (project / "reports/summary.md").unlink()
    call("dvc", "checkout", cwd=project)
    assert "`dvc repro` makes it" in (project / "reports/summary.md").read_text()
    assert (project / "models/selected/model.tflite").exists()
    assert stages_run(call("dvc", "repro", cwd=project).stdout) == {"report", "gate"}


@pytest.mark.slow
def test_nodes_that_see_one_cache(finished: Path, local: Path, cluster: Cluster, tmp_path: Path) -> None:
    project = tmp_path / "project"
    shutil.copytree(finished, project, symlinks=True)
    shutil.move(project / ".dvc/cache", tmp_path / "cache")
    call("dvc", "config", "--local", "cache.dir", str(tmp_path / "cache"), cwd=project)
    done = call(*SWEEP, "--ray", "auto", cwd=project, check=True, **cluster.environment).stdout
    points, failed, ran, distinct = map(int, SUMMARY.findall(done)[0])
    assert (points, failed) == (len(GRID), 0)
    assert ran == distinct
    _same(project, local)
    _brought_back(project)


@pytest.mark.slow
def test_nodes_that_have_a_remote_alone_and_a_worker_that_dies(
    finished: Path, local: Path, cluster: Cluster, tmp_path: Path
) -> None:
    project = tmp_path / "project"
    shutil.copytree(finished, project, symlinks=True)
    call("dvc", "remote", "add", "--local", "--default", "store", str(tmp_path / "store"), cwd=project)
    command = [sys.executable, *SWEEP[1:], "--ray", cluster.address]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "PYTHONPATH": str(project), **cluster.environment}
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(command, cwd=project, stdout=log, stderr=log, env=environment)
        killed, deadline = 0, time.monotonic() + 120
        while not killed and time.monotonic() < deadline and process.poll() is None:
            time.sleep(1.0)
            killed = cluster.head.kill_workers("point_of_sweep") or cluster.second.kill_workers("point_of_sweep")
        assert process.wait() == 0, (tmp_path / "log").read_text()
    assert killed
    assert f"{len(GRID)} points done, 0 failed" in (tmp_path / "log").read_text()
    _same(project, local)
    _brought_back(project)


def test_without_a_cache_for_all_and_without_a_remote_it_says_how(tmp_path: Path) -> None:
    root = copy_repository(tmp_path / "root")
    with pytest.raises(
        UserError, match=r"^RAY: nodes share results by a cache .*`dvc cache dir .*`dvc remote add --default NAME URL`"
    ):
        ray_workers.run(root, workspace.base(root), {}, address="auto", logs=tmp_path, tell=lambda name, outcome: None)


def test_a_node_that_does_not_see_the_cache_says_so(tmp_path: Path) -> None:
    base = workspace.Base("0" * 40, "0" * 40)
    sources = ray_workers.Sources(b"", base, tmp_path / "nowhere", {}, "")
    outcome, bundle, _ = ray_workers.point_of_sweep(sources, None, "s-1", ())
    assert bundle == b""
    assert outcome.failed is not None
    assert f"does not see the cache {tmp_path / 'nowhere'}; mount it, or use a remote alone" in outcome.failed
