"""What a killed process leaves is removed, and nothing that another one is at."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline import paths
from pipeline.system import leftovers
from tests.helpers import ROOT

WRITING = """
import os, signal, sys
from pathlib import Path
from pipeline import files
from pipeline.system import leftovers
leftovers.own_folder()
import tempfile
with files.replacing(Path(sys.argv[1])) as temporary, tempfile.NamedTemporaryFile() as scratch:
    temporary.mkdir()
    (temporary / "half").write_text("half")
    print(scratch.name, flush=True)
    if sys.argv[2] == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if sys.argv[2] == "lives":
        sys.stdin.read()
"""


@pytest.fixture
def shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder instead of /tmp, and a project to be in."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(leftovers, "SHARED", folder)
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    return folder


def start(target: Path, how: str) -> subprocess.Popen[str]:
    settings = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", WRITING, str(target), how]
    return subprocess.Popen(command, env=settings, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


TARGETS = (paths.EVALUATION, paths.VARIANTS / "int8", paths.SELECTED, paths.PICTURES, paths.recipe("mixed"), paths.PARAMS)


@pytest.mark.parametrize("target", TARGETS)
def test_what_a_killed_process_wrote_is_removed(target: Path, shared: Path) -> None:
    with start(target, "killed") as process:
        assert process.stdout is not None
        scratch = Path(process.stdout.readline().strip())
    assert process.returncode == -signal.SIGKILL
    left = target.with_name(f".{target.name}.{process.pid}.tmp")
    assert left.is_dir()
    assert scratch.is_file()
    assert scratch.is_relative_to(shared)
    assert set(leftovers.remove()) == {left, scratch.parent}
    assert list(target.parent.iterdir()) == []
    assert list(shared.iterdir()) == []


def test_what_a_living_process_writes_is_left(shared: Path) -> None:
    with start(paths.EVALUATION, "lives") as process:
        assert process.stdout is not None
        scratch = Path(process.stdout.readline().strip())
        assert leftovers.remove() == []
        assert scratch.is_file()
        process.communicate("")
    # It went on to its end, and removed its folder itself.
    assert (paths.EVALUATION / "half").read_text() == "half"
    assert list(shared.iterdir()) == []


def test_other_names_are_left(shared: Path) -> None:
    paths.VARIANTS.mkdir(parents=True)
    kept = [paths.VARIANTS / name for name in (".mine.tmp", "int8.1.tmp", ".int8.x.tmp", ".int8.1.tmp.txt")]
    kept += [shared / f"{leftovers._PREFIX}notes", shared / "tflite-pipeline-benchmark.lock"]
    for path in kept:
        path.touch()
    assert leftovers.remove() == []
    assert all(path.exists() for path in kept)


def test_a_number_that_was_given_again_protects_nothing(shared: Path) -> None:
    """This process lives, but it began after the file was written."""
    paths.VARIANTS.mkdir(parents=True)
    old = paths.VARIANTS / f".int8.{os.getppid()}.tmp"
    old.touch()
    os.utime(old, (1.0, 1.0))
    new = paths.VARIANTS / f".int16x8.{os.getppid()}.tmp"
    new.touch()
    assert leftovers.remove() == [old]
    assert new.exists()


def test_every_stage_begins_with_it(shared: Path) -> None:
    """Also one that ends at once, as there is no params.yaml."""
    with start(paths.EVALUATION, "killed"):
        pass
    settings = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-m", "pipeline.gate"], env=settings, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("error: params.yaml")
    assert list(Path("data").iterdir()) == []
    assert list(shared.iterdir()) == []


def test_where_no_folder_can_be_made_all_stays_as_it_is(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leftovers, "SHARED", shared / "missing")
    leftovers.own_folder()
    assert os.environ["TMPDIR"] == str(shared)
    assert leftovers.remove() == []
