import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline import files, paths
from tests import faults
from tests.helpers import ROOT, call, edited_params

READ = (
    paths.SOURCE_FACTS,
    paths.SOURCE_GRAPH,
    paths.SOURCE_WEIGHTS,
    paths.FLOAT32,
    paths.CONVERSION,
    paths.RANGES,
    paths.SPLIT,
)


def verify(finished: Path, folder: Path, predicted: np.ndarray, variant: str = "float32") -> dict[str, object]:
    """What the stage says of these outputs; it always succeeds."""
    edited_params(finished, folder, {})
    (folder / "data").mkdir(exist_ok=True)
    for path in (paths.REFERENCE, paths.EVALUATION, paths.VARIANTS / variant):
        shutil.copytree(finished / path, folder / path)
    for path in READ:
        shutil.copy(finished / path, folder / path)
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
    assert names == [
        "file",
        "parameters",
        "constants",
        "layers",
        "architecture",
        "scales",
        "signature",
        "format",
        "activation ranges",
        "finite",
        "max_abs_error",
        "agreement",
    ]
    assert report["certificate"]["summary"].startswith("17,802 of 17,802 parameters accounted for: 16,746 exact, 1,056 folded")
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
    assert failed(report) == {"max_abs_error"}
    reasons = [check["reason"] for check in report["checks"] if check["name"] == "max_abs_error"]  # type: ignore[attr-defined]
    assert "above the limit 3.9" in reasons[0]
    ids = [sample["id"] for sample in files.read_json(finished / paths.SPLIT)["sets"]["evaluation"]["samples"]]
    assert report["outputs"]["probabilities"]["worst"][0]["id"] == ids[3]  # type: ignore[index]


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


def with_fault(finished: Path, folder: Path, edit: faults.Edit) -> dict[str, Any]:
    """What the stage says of an edited int8 file, with the outputs of the sound one on disk."""
    copy = folder / "finished"
    shutil.copytree(finished / paths.VARIANTS / "int8", copy / paths.VARIANTS / "int8")
    for path in (paths.REFERENCE, paths.EVALUATION):
        shutil.copytree(finished / path, copy / path)
    for path in (paths.PARAMS, *READ):
        (copy / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(finished / path, copy / path)
    wrong = copy / paths.variant_model("int8")
    wrong.write_bytes(faults.edited(wrong.read_bytes(), edit))
    predicted = np.array(files.read_arrays(finished / paths.OUTPUTS / "int8")["probabilities"])
    (folder / "run").mkdir()
    return verify(copy, folder / "run", predicted, "int8")


def test_a_faulty_file_fails_with_its_layer_and_where_it_diverges(finished: Path, tmp_path: Path) -> None:
    """Channels of `pointwise` swapped: the outputs on disk are the sound file's, the certificate still sees it."""

    def edit(content: Any) -> None:
        kernel = faults.tensor_of(content, faults.operators(content, "CONV_2D")[1], 1)
        values = faults.array(content, kernel, "int8").reshape(kernel.shape)
        values[[0, 1]] = values[[1, 0]]

    report = with_fault(finished, tmp_path, edit)
    assert {"parameters", "constants"} <= failed(report)
    assert report["certificate"]["faults"][0]["layers"] == ["pointwise", "pointwise_bn", "pointwise_relu"]
    assert report["divergence"]["first"]["layers"][0] == "pointwise"
    assert report["divergence"]["exclude_first"][0]["layer"] == "pointwise"
    assert len(report["divergence"]["exclude_first"]) == 3


def test_a_scale_that_is_not_that_of_the_measured_range_fails(finished: Path, tmp_path: Path) -> None:
    """The logits' scale is tied to nothing else in the file: only models/ranges.json can tell."""

    def edit(content: Any) -> None:
        (softmax,) = faults.operators(content, "SOFTMAX")
        faults.rescaled(faults.tensor_of(content, softmax, 0), 0, 1.01)

    report = with_fault(finished, tmp_path, edit)
    assert failed(report) == {"scales"}
    (fault,) = report["certificate"]["faults"]
    assert fault["layers"] == ["probabilities"]
    assert "; its measured range, " in fault["reason"]
