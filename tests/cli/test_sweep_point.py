from pathlib import Path

import pytest
import yaml

from pipeline.cli import sweep_point
from pipeline.errors import UserError
from tests.helpers import call

_ONE = ["quantization=[float32]", "calibrate.samples=60"]


@pytest.fixture
def clone(project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(project)
    return project


def test_a_point_starts_from_its_parameters_and_speaks_of_its_stages_alone(clone: Path) -> None:
    sweep_point.prepare(_ONE, remote=False)
    assert yaml.safe_load((clone / "params.yaml").read_text())["calibrate"]["samples"] == 60
    stages = yaml.safe_load((clone / "dvc.lock").read_text())["stages"]
    assert not [name for name in stages if "@" in name and not name.endswith("@float32")]
    assert "deps" not in stages["report"]
    assert stages["load"]["outs"]
    # What a point before has left of another variant would count as this one's.
    for folder in ("models/variants", "data/outputs", "reports/verify", "reports/benchmark"):
        assert [path.stem for path in (clone / folder).iterdir()] == ["float32"]


def test_a_stage_whose_outputs_the_cache_lacks_is_no_longer_in_the_lock(clone: Path) -> None:
    entry = yaml.safe_load((clone / "dvc.lock").read_text())["stages"]["calibrate"]["outs"][0]["md5"]
    (clone / ".dvc/cache/files/md5" / entry[:2] / entry[2:]).unlink()
    sweep_point.prepare(_ONE, remote=False)
    stages = yaml.safe_load((clone / "dvc.lock").read_text())["stages"]
    assert "calibrate" not in stages
    assert "convert" in stages


def test_data_that_no_clone_would_have_are_named(clone: Path) -> None:
    (clone / "models/mine.keras").write_bytes(b"")
    with pytest.raises(
        UserError, match=r"models/mine\.keras: neither git nor DVC knows this file, .* run `dvc add models/mine\.keras`"
    ):
        sweep_point.prepare([*_ONE, "model.path=models/mine.keras"], remote=False)


def test_data_that_dvc_has_are_brought(clone: Path) -> None:
    (clone / "data/mine.npz").write_bytes((clone / "data/digits.npz").read_bytes())
    call("dvc", "add", "-q", "data/mine.npz", cwd=clone)
    call("git", "add", "data/mine.npz.dvc", "data/.gitignore", cwd=clone)
    (clone / "data/mine.npz").unlink()
    sweep_point.prepare([*_ONE, "data.path=data/mine.npz"], remote=False)
    assert (clone / "data/mine.npz").read_bytes() == (clone / "data/digits.npz").read_bytes()


def test_a_point_whose_sweep_has_ended_runs_nothing(clone: Path) -> None:
    """Its questions go to standard output here, and standard input has no answer."""
    done = call("python", "-m", "pipeline.cli.sweep_point", "1", "0", "s-1", *_ONE, cwd=clone, check=False)
    assert done.returncode != 0
    assert '{"claim": "' in done.stdout
    assert "the sweep has ended" in done.stdout
    assert "Piece of work" not in done.stdout
