from pathlib import Path

import pytest
import yaml

from pipeline.cli import sweep_point
from tests.helpers import call, stages_run


def test_what_other_variants_left_is_no_part_of_an_experiment(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An experiment with one variant of the five; DVC says whether it is as it was made."""
    monkeypatch.chdir(project)
    sweep_point.prepare(["quantization=[float32]"], remote=False)
    call("dvc", "exp", "run", "--name", "one", "-S", "quantization=[float32]", "select", cwd=project)
    call("git", "reset", "-q", "--hard", cwd=project)
    call("dvc", "checkout", cwd=project)
    assert (project / "models/variants/int8").is_dir()
    said = call("python", "-m", "pipeline.cli.apply", "one", cwd=project).stdout
    assert said == "one is in the workspace; `dvc repro` completes it, `dvc exp branch one BRANCH` keeps it for a release\n"
    assert [*yaml.safe_load((project / "params.yaml").read_text())["variants"]] == ["float32"]
    for folder in ("models/variants", "data/outputs", "reports/verify", "reports/benchmark"):
        assert [path.stem for path in (project / folder).iterdir()] == ["float32"]
    assert stages_run(call("dvc", "repro", cwd=project).stdout) <= {"report", "gate"}


def test_an_unknown_experiment_is_said_in_a_line(finished: Path) -> None:
    done = call("python", "-m", "pipeline.cli.apply", "nothing", cwd=finished, check=False)
    assert done.returncode == 1
    assert done.stdout.startswith("error: nothing: ")
    assert done.stdout.endswith("; `dvc exp list` names the experiments of this commit\n")
    assert done.stdout.count("\n") == 1
