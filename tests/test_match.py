"""What does not fit is said before the long stages, in the words of the stage that would say it after them."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline import files, paths
from tests.helpers import ROOT, call, edited_params


def matched(finished: Path, folder: Path, changes: dict[str, Any]) -> tuple[int, str]:
    for path in (paths.SOURCE_FACTS, paths.SPLIT, paths.EVALUATION):
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).symlink_to(finished / path)
    edited_params(finished, folder, changes)
    done = call("python", "-m", "pipeline.match", cwd=folder, check=False, PYTHONPATH=str(ROOT))
    assert "Traceback" not in done.stdout
    return done.returncode, done.stdout


def test_what_fits_passes(finished: Path, tmp_path: Path) -> None:
    assert matched(finished, tmp_path, {}) == (0, "")
    assert files.read_json(tmp_path / paths.MATCHED) == {"fits": True}


def binary() -> dict[str, Any]:
    heads: dict[str, Any] = yaml.safe_load((ROOT / "conf/task/binary.yaml").read_text(encoding="utf-8"))
    return heads


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"calibrate.samples": 500, "data.splits.calibration.take": 0.5}, "calibrate.samples: asks for 500, the pool holds"),
        ({"task": binary()}, "binary: wants an output [n, 1] or [n, 2], the network gives"),
        ({"task.heads.main.output": "logits"}, "task.heads: output: unknown 'logits'; allowed: probabilities"),
    ],
)
def test_what_does_not_fit_ends_the_run(finished: Path, tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    code, said = matched(finished, tmp_path, changes)
    assert code == 1
    assert message in said
    assert not (tmp_path / paths.MATCHED).exists()


def test_the_long_stages_wait_for_it() -> None:
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    for name in ("reference", "calibrate"):
        assert str(paths.MATCHED) in stages[name]["deps"]
