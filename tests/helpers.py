"""Running the project's commands in copies of the repository."""

import contextlib
import io
import os
import platform
import shutil
import subprocess
import sys
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[1]

# Where tflite-micro has wheels; there it has to be installed.
TFLM = sys.platform == "linux" and platform.machine() == "x86_64"


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keras warns of .h5 and prints what it exports, and the converter warns of its own parts."""
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        yield


def published() -> Path:
    """The folder of published networks beside the checkout, or where PUBLISHED_NETWORKS says; the test is skipped without it."""
    folder = Path(os.environ.get("PUBLISHED_NETWORKS", ROOT.parent / "shared" / "networks"))
    if not folder.is_dir():
        pytest.skip(f"no published networks at {folder} (PUBLISHED_NETWORKS says where they are): they are no part of the project")
    return folder


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
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).exists():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, target / name)
    return committed(target)


def committed(target: Path) -> Path:
    """All files of a folder, in a repository of their own with one commit."""
    call("git", "init", "-q", "-b", "main", cwd=target)
    call("git", "config", "user.email", "test@example.invalid", cwd=target)
    call("git", "config", "user.name", "test", cwd=target)
    call("git", "add", "-A", cwd=target)
    call("git", "commit", "-qm", "copy", cwd=target)
    return target


def edited_params(source: Path, target: Path, changes: Mapping[str, Any]) -> None:
    """params.yaml of `source` in `target`, with values by dotted path replaced, as a person would edit it by hand."""
    content = yaml.safe_load((source / "params.yaml").read_text(encoding="utf-8"))
    for path, value in changes.items():
        *parents, last = path.split(".")
        node = content
        for parent in parents:
            node = node[parent]
        node[last] = value
    (target / "params.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
