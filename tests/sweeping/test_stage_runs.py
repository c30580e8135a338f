import io
import json
from pathlib import Path
from typing import Any

import pytest
from dvc.exceptions import DvcException, ReproductionError
from dvc.repo import Repo

from pipeline.sweeping import point_process
from pipeline.sweeping.machine import Machine
from pipeline.sweeping.stage_runs import coordinated
from tests.sweeping import small

# pygtrie, of DVC's own call.
pytestmark = pytest.mark.filterwarnings("ignore:_NoneStep.value:DeprecationWarning")

_YOURS = '{"failed": null}\n'


class _Recorded(Machine):
    """A machine that notes how it was entered."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.entered: list[bool] = []

    def enter(self, *, alone: bool) -> None:
        self.entered.append(alone)
        super().enter(alone=alone)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(small.make(tmp_path / "project"))
    return tmp_path / "project"


def _repro(project: Path, answers: str = _YOURS * 9, *, remote: bool = False) -> tuple[list[dict[str, Any]], list[bool]]:
    """Reproduce it; what was asked, and how the machine was entered."""
    asked = io.StringIO()
    with _Recorded(project.parent) as machine, coordinated(machine, asked, io.StringIO(answers), remote=remote), Repo(".") as repo:
        repo.reproduce()
    return [json.loads(line) for line in asked.getvalue().splitlines()], machine.entered


def test_each_stage_is_claimed_and_given_back_and_a_benchmark_is_alone(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked, entered = _repro(project)
    assert [next(iter(line)) for line in asked] == ["claim", "done", "claim", "done"]
    assert asked[0]["claim"] == asked[1]["done"] != asked[2]["claim"]
    assert asked[1]["failed"] is None
    assert entered == [False, False, False, True, False]
    # The pieces of work that ran, as the parent reads them, are entries of DVC's run cache.
    ran = dict(point_process.RAN.findall(capsys.readouterr().out))
    assert {*ran} == {path.name for path in Path(".dvc/cache/runs").glob("*/*")}
    assert [*ran.values()] == ["double", "benchmark@a"]
    assert _repro(project) == ([], [False])
    # From the cache a benchmark needs nobody to pause.
    Path("a").unlink()
    assert [alone for alone in _repro(project)[1] if alone] == []


def test_outputs_of_other_dependencies_are_not_taken_for_those_of_these(project: Path) -> None:
    """dvc.lock speaks of 4, and its outputs are in the cache: asking for the key must not have DVC believe that they are of 5."""
    _repro(project)
    Path("number").write_text("5")
    _repro(project)
    assert Path("a").read_text() == "10"
    Path("number").write_text("4")
    asked, _ = _repro(project)
    assert Path("a").read_text() == "8"
    assert small.runs(project) == ["4", "5"]
    assert len(asked) == 4  # from the run cache, and claimed all the same


def test_what_another_point_failed_at_is_not_tried(project: Path) -> None:
    with pytest.raises(ReproductionError) as raised:
        _repro(project, '{"failed": "point s-1 failed at it"}\n')
    assert str(raised.value.__cause__) == "it is not tried again: point s-1 failed at it"
    assert small.runs(project) == []


def test_a_stage_that_fails_says_so_when_it_is_given_back(project: Path) -> None:
    Path("number").write_text("four")
    asked = io.StringIO()
    with (
        Machine(project.parent) as machine,
        coordinated(machine, asked, io.StringIO(_YOURS), remote=False),
        Repo(".") as repo,
        pytest.raises(ReproductionError),
    ):
        repo.reproduce()
    assert "failed to run: python double.py" in json.loads(asked.getvalue().splitlines()[1])["failed"]


def test_without_the_sweep_nothing_runs(project: Path) -> None:
    with pytest.raises(DvcException):
        _repro(project, "")
    assert small.runs(project) == []
