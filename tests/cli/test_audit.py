import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pipeline import paths
from pipeline.cli import audit
from pipeline.errors import UserError
from pipeline.quantization.schemes import SCHEMES
from tests import faults
from tests.helpers import ROOT

MODEL = ROOT / "models" / "digits_cnn.keras"


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pipeline.cli.audit", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)


@pytest.fixture(scope="module")
def int8(finished: Path) -> Path:
    return finished / paths.variant_model("int8")


@pytest.fixture(scope="module")
def wrong(int8: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The int8 file with one code of the layer `hidden` changed."""

    def edit(content: object) -> None:
        kernel = faults.tensor_of(content, faults.operators(content, "FULLY_CONNECTED")[0], 1)
        values = faults.array(content, kernel, "int8")
        values[17] += 1 if values[17] < 127 else -1

    target = tmp_path_factory.mktemp("wrong") / "model.tflite"
    target.write_bytes(faults.edited(int8.read_bytes(), edit))
    return target


def test_a_sound_file_as_a_table(int8: Path) -> None:
    done = run("--model", MODEL, "--tflite", int8)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "PASSED"
    assert lines[1].startswith("17,804 of 17,804 parameters accounted for: 17,802 quantized (worst 0.50 step)")
    assert any(line.startswith("conv_bn ") and "part of CONV_2D of conv" in line for line in lines)


def test_a_faulty_file_as_json(wrong: Path) -> None:
    done = run("--model", MODEL, "--tflite", wrong, "--json")
    assert done.returncode == 1, done.stderr
    report = json.loads(done.stdout)
    assert not report["passed"]
    assert [fault["layers"][0] for fault in report["faults"]] == ["hidden"]
    assert [row["path"] for row in report["variables"] if not row["passed"]] == ["hidden/kernel"]


def test_with_data_the_outputs_are_judged_too(int8: Path, finished: Path, tmp_path: Path) -> None:
    images = np.load(finished / paths.EVALUATION / "inputs" / "image.npy")[:20]
    np.savez(tmp_path / "data.npz", image=images)
    report = audit.audit(MODEL, int8, data=tmp_path / "data.npz")
    assert report["passed"]
    figures = report["outputs"]["probabilities"]
    assert figures["n"] == 20
    reference = np.load(finished / paths.REFERENCE / "probabilities.npy")[:20].astype(np.float64)
    predicted = np.load(finished / paths.OUTPUTS / "int8" / "probabilities.npy")[:20].astype(np.float64)
    assert figures["max_abs_error"] == pytest.approx(np.abs(predicted - reference).max() / np.abs(reference).max(), rel=1e-4)
    assert "20 samples; largest errors: " in audit.text(report)


def test_what_the_file_is_said_to_be(int8: Path) -> None:
    report = audit.audit(MODEL, int8, scheme=SCHEMES["litert"]["float32"])
    assert not report["passed"]
    assert "weights are int8; the variant says float32" in {fault["reason"] for fault in report["faults"]}


@pytest.mark.parametrize(
    ("model", "tflite", "message"),
    [
        ("none.keras", None, "--model: no such file: none.keras"),
        (None, "none.tflite", "--tflite: no such file: none.tflite"),
        (None, "README.md", "--tflite: README.md: not a .tflite file"),
    ],
)
def test_what_cannot_be_answered_ends_with_two(int8: Path, model: str | None, tflite: str | None, message: str) -> None:
    done = run("--model", model or MODEL, "--tflite", tflite or int8)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"picture": np.zeros((1, 8, 8, 1), np.float32)}, "has arrays picture; the file's inputs are image"),
        ({"image": np.full((1, 8, 8, 1), np.nan, np.float32)}, "image holds NaN or infinity"),
        ({"image": np.zeros((0, 8, 8, 1), np.float32)}, "at least one"),
    ],
)
def test_data_that_does_not_fit(int8: Path, tmp_path: Path, arrays: dict[str, np.ndarray], message: str) -> None:
    np.savez(tmp_path / "data.npz", **arrays)  # type: ignore[arg-type]
    with pytest.raises(UserError, match=message):
        audit.audit(MODEL, int8, data=tmp_path / "data.npz")
