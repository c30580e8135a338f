from pathlib import Path

import pytest

from pipeline.cli import sweep
from pipeline.errors import UserError
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


@pytest.mark.slow
def test_runs_every_combination_and_shows_them_side_by_side(project: Path) -> None:
    grid = project / "conf" / "sweep" / "two.yaml"
    grid.write_text("quantization: ['[float32,int8]']\nvariants.int8.algorithm: [min_max, mse]\n", encoding="utf-8")
    call("python", "-m", "pipeline.cli.compose", cwd=project)
    shown = call("python", "-m", "pipeline.cli.sweep", "two", cwd=project).stdout
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in shown.splitlines() if line.startswith("|")]
    header, *experiments = [row for row in rows if not row[0].startswith("--")]
    swept = header.index("variants.int8.algorithm")
    # The first row is the commit itself.
    assert sorted(row[swept] for row in experiments[1:]) == ["min_max", "mse"]
    assert {"accuracy", "bytes", "drop", "selected", "sqnr_db"} <= set(header)
