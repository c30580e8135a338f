from pathlib import Path

import pytest

from pipeline.cli import sweep
from pipeline.lib.errors import UserError
from tests.helpers import call


def test_a_grid_becomes_hydra_s_choice_sweeps() -> None:
    grid = {"quantization": ["[float32,int8]"], "calibrate.samples": [50, 200]}
    assert sweep.overrides(grid, source="x") == ["quantization=[float32,int8]", "calibrate.samples=50,200"]


@pytest.mark.parametrize("grid", [None, ["a"], {"seed": 1}, {"seed": []}])
def test_a_grid_of_another_form_is_refused(grid: object) -> None:
    with pytest.raises(UserError, match="conf/x: expected lists of values by override"):
        sweep.overrides(grid, source="conf/x")


def test_an_unknown_grid_names_those_there_are(finished: Path) -> None:
    done = call("python", "-m", "pipeline.cli.sweep", "everything", cwd=finished, check=False)
    assert done.returncode == 1
    assert "error: sweep: unknown 'everything'; allowed: algorithms" in done.stdout


def test_runs_every_combination_and_shows_them_side_by_side(project: Path) -> None:
    grid = project / "conf" / "sweep" / "two.yaml"
    grid.write_text("quantization: ['[float32,int8]']\nvariants.int8.algorithm: [min_max, mse]\n", encoding="utf-8")
    call("python", "-m", "pipeline.cli.compose", cwd=project)
    shown = call("python", "-m", "pipeline.cli.sweep", "two", cwd=project).stdout
    table = shown[shown.rindex("Experiment ") :]
    assert "variants.int8.algorithm" in shown
    assert table.count("mse") >= 1
    assert table.count("min_max") >= 1
