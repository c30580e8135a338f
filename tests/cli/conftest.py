import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest
import yaml

from pipeline.cli import campaign_files, campaign_runs, unlock
from pipeline.cli.campaign_files import File
from tests.helpers import call


@pytest.fixture(scope="session")
def files() -> Callable[[str], list[File]]:
    """The files of a network of the campaign."""
    return cache(lambda name: campaign_files.made(name)[1])


@pytest.fixture(scope="session")
def runner() -> Iterator[campaign_runs.Runner]:
    with campaign_runs.runner() as found:
        yield found


STAGES = {"stages": {"copy": {"cmd": "cp a b", "deps": ["a"], "outs": ["b"]}}}


@pytest.fixture(scope="session")
def small_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of one stage, run once and committed. Read only."""
    folder = tmp_path_factory.mktemp("small") / "project"
    (folder / ".dvc").mkdir(parents=True)
    (folder / ".dvc/config").write_text("[core]\n    analytics = false\n    check_update = false\n")
    (folder / ".dvc/.gitignore").write_text("/tmp\n/cache\n/config.local\n")
    (folder / "dvc.yaml").write_text(yaml.safe_dump(STAGES))
    (folder / "a").write_text("content")
    call("git", "init", "-q", "-b", "main", cwd=folder)
    call("git", "config", "user.email", "test@example.invalid", cwd=folder)
    call("git", "config", "user.name", "test", cwd=folder)
    call("dvc", "repro", cwd=folder)
    call("git", "add", "-A", cwd=folder)
    call("git", "commit", "-qm", "one", cwd=folder)
    return folder


@pytest.fixture
def small(small_once: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it, to be in."""
    folder = tmp_path / "project"
    shutil.copytree(small_once, folder, symlinks=True)
    monkeypatch.chdir(folder)
    # What other tests leave in /tmp is not spoken of here.
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    monkeypatch.delenv(unlock._INSIDE, raising=False)
    return folder


@pytest.fixture
def gone() -> int:
    """The number of a process that has ended."""
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    return child.pid
