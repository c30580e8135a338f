"""Real copies of the repository, run with real DVC. Expensive ones are built once a session."""

import shutil
from pathlib import Path

import pytest

from tests.helpers import call, copy_repository


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
