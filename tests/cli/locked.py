"""A small project whose locks are spoilt."""

import subprocess
from pathlib import Path
from typing import Any

from tests.helpers import ROOT, call


def unlocked(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return call("python", "-m", "pipeline.cli.unlock", *command, cwd=folder, PYTHONPATH=str(ROOT))


def fails(folder: Path) -> str:
    """What DVC says of a run of the stage, which it does not do."""
    done = call("dvc", "repro", "--force", cwd=folder, check=False)
    assert done.returncode != 0
    return done.stdout


def write_of(pid: int, path: str = "b") -> dict[str, Any]:
    return {"read": {}, "write": {str(Path.cwd() / path): {"pid": pid, "cmd": "dvc repro"}}}
