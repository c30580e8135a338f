import shutil
from pathlib import Path

import numpy as np
import pytest

from pipeline.lib import files, paths
from tests.helpers import ROOT, call, edited_params


def verify(finished: Path, folder: Path, predicted: np.ndarray, variant: str = "float32") -> dict[str, object]:
    """What the stage says of these outputs; it always succeeds."""
    edited_params(finished, folder, {})
    (folder / "data").mkdir(exist_ok=True)
    shutil.copytree(finished / paths.REFERENCE, folder / paths.REFERENCE)
    (folder / paths.OUTPUTS).mkdir(parents=True)
    files.write_arrays(folder / paths.OUTPUTS / variant, {"probabilities": predicted})
    call("python", "-m", "pipeline.verify", variant, cwd=folder, PYTHONPATH=str(ROOT))
    return files.read_json(folder / paths.VERIFY_REPORTS / f"{variant}.json")


def failed(report: dict[str, object]) -> set[str]:
    return {check["name"] for check in report["checks"] if not check["passed"]}  # type: ignore[attr-defined]


def test_the_float32_file_is_the_network_to_rounding(finished: Path) -> None:
    report = files.read_json(finished / paths.VERIFY_REPORTS / "float32.json")
    assert report["passed"]
    assert report["n"] == 450
    names = [check["name"] for check in report["checks"]]
    assert names == ["finite", "max_abs_error", "mean_abs_error", "l2_error", "relative_l2", "cosine", "sqnr_db", "agreement"]
    reference = files.read_arrays(finished / paths.REFERENCE)["probabilities"].astype(np.float64)
    predicted = files.read_arrays(finished / paths.OUTPUTS / "float32")["probabilities"].astype(np.float64)
    assert np.abs(reference - predicted).max() < 1e-5
    sqnr = 10 * np.log10((reference**2).sum() / ((reference - predicted) ** 2).sum())
    assert report["outputs"]["probabilities"]["sqnr_db"] == pytest.approx(sqnr)


def test_a_wrong_output_fails_with_a_reason_and_exit_code_zero(finished: Path, tmp_path: Path) -> None:
    predicted = np.array(files.read_arrays(finished / paths.OUTPUTS / "float32")["probabilities"])
    predicted[3, 2] += 0.01
    report = verify(finished, tmp_path, predicted)
    assert not report["passed"]
    assert {"max_abs_error", "l2_error", "sqnr_db"} <= failed(report)
    reasons = [check["reason"] for check in report["checks"] if check["name"] == "max_abs_error"]  # type: ignore[attr-defined]
    assert "is above the limit 1e-05" in reasons[0]


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_single_nan_or_infinity_fails_everything(finished: Path, tmp_path: Path, value: float) -> None:
    predicted = np.array(files.read_arrays(finished / paths.OUTPUTS / "float32")["probabilities"])
    predicted[449, 9] = value
    report = verify(finished, tmp_path, predicted)
    assert not report["passed"]
    assert "finite" in failed(report)


def test_swapped_columns_fail_an_int8_file_s_looser_limits(finished: Path, tmp_path: Path) -> None:
    predicted = np.array(files.read_arrays(finished / paths.OUTPUTS / "int8")["probabilities"])[:, [1, 0, *range(2, 10)]]
    assert "agreement" in failed(verify(finished, tmp_path, predicted, "int8"))
