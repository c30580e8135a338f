import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from dvc.repo import Repo

from pipeline.sweeping import remote_runs
from pipeline.sweeping.machine import Machine
from pipeline.sweeping.stage_runs import coordinated
from tests.sweeping import small
from tests.test_sharing import s3

# pygtrie, of DVC's own call.
pytestmark = pytest.mark.filterwarnings("ignore:_NoneStep.value:DeprecationWarning")


def _repro(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root)
    answers = io.StringIO('{"failed": null}\n' * 9)
    with Machine(root.parent) as machine, coordinated(machine, io.StringIO(), answers, remote=True), Repo(".") as repo:
        repo.reproduce()


@pytest.fixture(params=["folder", pytest.param("s3", marks=pytest.mark.slow)])
def store(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Of DVC's configuration: the remote `store`, a folder beside the project or on an S3 server."""
    if request.param == "folder":
        yield "    url = ../../store\n"
        return
    for key in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(key, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with s3() as address:
        yield f"    url = s3://kept/project\n    endpointurl = {address}\n"


def test_what_one_clone_made_another_has_by_the_remote_alone(store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second, third = (small.make(tmp_path / name, store) for name in ("first", "second", "third"))
    _repro(first, monkeypatch)
    assert small.runs(first) == ["4"]
    _repro(second, monkeypatch)
    assert (second / "a").read_text() == "8"
    assert small.runs(second) == ["4"]  # not once more
    # The keys and all that they name, for who collects: DVC's own status is the oracle.
    keys = [path.name for path in (first / ".dvc/cache/runs").glob("*/*")]
    monkeypatch.chdir(third)
    with Repo(".") as repo:
        for key in [*keys, "0" * 64]:
            remote_runs.fetch(repo, key, outputs=True)
    made = {path.relative_to(first) for path in (first / ".dvc/cache").rglob("*") if path.is_file()}
    assert {path.relative_to(third) for path in (third / ".dvc/cache").rglob("*") if path.is_file()} == made
    (third / ".dvc/config").write_text("")  # no remote any more
    with Repo(".") as repo:
        repo.reproduce()
    assert small.runs(third) == ["4"]


def test_an_entry_is_written_after_what_it_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who finds it must find that: a push that stops between leaves none."""
    root = small.make(tmp_path / "project")
    monkeypatch.chdir(root)
    with Repo(".") as repo:
        (stage,) = [stage for stage in repo.reproduce() if stage.addressing == "double"]
        monkeypatch.setattr(type(repo.cloud), "push", _full)
        with pytest.raises(OSError, match="full"):
            remote_runs.push(stage)
    assert not [path for path in (tmp_path / "store").rglob("*") if path.is_file()]


def _full(*_: object) -> None:
    raise OSError("full")
