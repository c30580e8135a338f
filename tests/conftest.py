"""Real copies of the repository, run with real DVC. Expensive ones are built once a session."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

Copy = Callable[[], Path]


def call(*command: str, cwd: Path, check: bool = True, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the project's environment in a copy of the repository; its output is text, stderr within stdout."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(("DVC_", "GIT_"))}
    path = f"{Path(sys.executable).parent}{os.pathsep}{inherited['PATH']}"
    done = subprocess.run(
        command,
        cwd=cwd,
        check=False,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**inherited, "PATH": path, "PYTHONPATH": str(cwd), "PYTHONDONTWRITEBYTECODE": "1", **environment},
    )
    if check and done.returncode != 0:
        pytest.fail(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout[-4000:]}")
    return done


def stages_run(output: str) -> set[str]:
    """The stages that DVC really ran, not those it skipped or restored, from what it printed."""
    marker = "Running stage '"
    return {line.split(marker)[1].split("'")[0] for line in output.splitlines() if line.startswith(marker)}


def copy_repository(target: Path) -> Path:
    """The files of the working tree that git tracks or would track, in a repository of their own with one commit."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).exists():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, target / name)
    call("git", "init", "-q", "-b", "main", cwd=target)
    call("git", "config", "user.email", "test@example.invalid", cwd=target)
    call("git", "config", "user.name", "test", cwd=target)
    call("git", "add", "-A", cwd=target)
    call("git", "commit", "-qm", "copy", cwd=target)
    return target


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the repository after `dvc repro`. Read only: tests that change something take `project`."""
    target = copy_repository(tmp_path_factory.mktemp("finished"))
    call("python", "-m", "pipeline.cli.compose", cwd=target)
    call("dvc", "repro", cwd=target)
    call("git", "add", "-A", cwd=target)
    call("git", "commit", "-qm", "results", "--allow-empty", cwd=target)
    return target


@pytest.fixture
def project(finished: Path, tmp_path: Path) -> Path:
    """A copy of `finished` to change at will, with a cache of its own so that what a test computes stays with it."""
    target = tmp_path / "project"
    shutil.copytree(finished, target, symlinks=True)
    return target
