"""A project in which experiments are made without running anything."""

import shutil
from pathlib import Path

import pytest

from tests.helpers import ROOT, call


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """What `compare` looks at, params.yaml and dvc.lock, in a DVC project with one commit."""
    project = tmp_path / "bare"
    project.mkdir()
    for name in ("params.yaml", "dvc.yaml", "dvc.lock"):
        shutil.copy(ROOT / name, project)
    call("git", "init", "-q", "-b", "main", cwd=project)
    for key, value in {"user.email": "test@example.invalid", "user.name": "test"}.items():
        call("git", "config", key, value, cwd=project)
    (project / ".dvc").mkdir()
    (project / ".dvc" / "config").write_text("[core]\n    analytics = false\n    check_update = false\n")
    call("git", "add", "-A", cwd=project)
    call("git", "commit", "-qm", "bare", cwd=project)
    return project
