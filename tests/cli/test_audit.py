import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from pipeline import files, paths
from pipeline.cli import audit, audit_text
from pipeline.errors import UserError
from pipeline.runtime import interpreter
from pipeline.source import reference_run
from pipeline.verification.decisions import Decision
from tests import certified, faults, foreign, helpers
from tests.helpers import ROOT, call
from tests.made import blockwise, make

LARGEST = Decision(kind="largest")
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
    assert lines[1].startswith("17,802 of 17,802 parameters accounted for: 17,802 quantized (worst 0.50 step)")
    assert any(line.startswith("conv_bn ") and "part of CONV_2D of conv" in line for line in lines)


def test_a_faulty_file_as_json(wrong: Path) -> None:
    done = run("--model", MODEL, "--tflite", wrong, "--json")
    assert done.returncode == 1, done.stderr
    report = json.loads(done.stdout)
    assert not report["passed"]
    certified = report["certificate"]
    assert [fault["layers"][0] for fault in certified["faults"]] == ["hidden"]
    assert [row["path"] for row in certified["variables"] if not row["passed"]] == ["hidden/kernel"]


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
    assert "20 samples; largest errors: " in audit_text.text(report)


def verified(finished: Path, folder: Path, variant: str, images: np.ndarray) -> dict[str, Any]:
    """What the stage `verify` says of a variant on these samples instead of its own."""
    shutil.copytree(finished, folder, symlinks=True, ignore=shutil.ignore_patterns(".git", ".dvc", "calibration", "tuning"))
    for path in (paths.EVALUATION, paths.REFERENCE, paths.OUTPUTS):
        shutil.rmtree(folder / path)
    (folder / paths.OUTPUTS).mkdir()
    files.write_samples(folder / paths.EVALUATION, ({"image": image} for image in images), count=len(images), labels=None)
    rows = list(reference_run.run_saved_model(finished / paths.SOURCE, {"image": images}, batch=1))
    files.write_arrays(folder / paths.REFERENCE, {"probabilities": np.stack([row["probabilities"] for row in rows])})
    model = files.read_bytes(finished / paths.variant_model(variant))
    files.write_arrays(folder / paths.OUTPUTS / variant, interpreter.predict(model, {"image": images}, workers=1))
    split = files.read_json(folder / paths.SPLIT)
    split["sets"]["evaluation"]["samples"] = [{"id": str(i), "sha256": "", "label": None} for i in range(len(images))]
    files.write_json(folder / paths.SPLIT, split)
    call("python", "-m", "pipeline.verify", variant, cwd=folder, PYTHONPATH=str(ROOT))
    report: dict[str, Any] = files.read_json(folder / paths.VERIFY_REPORTS / f"{variant}.json")
    return report


def close_calls(finished: Path, int8: Path) -> np.ndarray:
    """Real images, and two blends of real images for which the int8 file decides otherwise: 95 % agreement."""
    images = np.load(finished / paths.EVALUATION / "inputs" / "image.npy")
    rng = np.random.default_rng(0)
    one, other = rng.integers(len(images), size=(2, 4000))
    share = rng.random((4000, 1, 1, 1)).astype(np.float32)
    blends = images[one] * share + images[other] * (1 - share)
    float32 = files.read_bytes(finished / paths.FLOAT32)
    decisions = [
        interpreter.predict(f, {"image": blends}, workers=1)["probabilities"].argmax(1) for f in (float32, int8.read_bytes())
    ]
    differs = np.flatnonzero(decisions[0] != decisions[1])
    assert len(differs) >= 2
    return np.concatenate([images[:38], blends[differs[:2]]])


def test_verify_and_audit_let_close_decisions_change_and_no_others(finished: Path, int8: Path, tmp_path: Path) -> None:
    """Of 40 decisions two change: blends between two classes. Outputs turned around change as many, and are refused."""
    images = close_calls(finished, int8)
    np.savez(tmp_path / "data.npz", image=images)
    audited = audit.audit(MODEL, int8, data=tmp_path / "data.npz", decision=LARGEST)
    report = verified(finished, tmp_path / "stage", "int8", images)
    for found in (audited, report):
        (row,) = [row for row in found["checks"] if row["name"] == "agreement"]
        assert (row["value"], row["passed"]) == (0.95, True)
        assert row["limit"] == pytest.approx(0.95)
        assert row["reason"] == "2 of 40 decisions changed, 2 of them closer than the noise of its formats"
        assert found["divergence"]["n"] == 5
    assert audited["notes"] == ["scheme static_wi8_ai8: found from its dtypes (the same as those of static_wi8_ai8_fallback)"]


def test_decisions_are_compared_when_it_is_said_how_outputs_decide(int8: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "data.npz", image=np.zeros((2, 8, 8, 1), np.float32))
    done = run("--model", MODEL, "--tflite", int8, "--data", tmp_path / "data.npz", "--decides", "most")
    assert done.returncode == 2
    assert done.stderr == (
        "error: --decides: got 'most'; expected largest (a class for each) or a probability such as 0.5 (yes or no)\n"
    )


@pytest.mark.parametrize("variant", ["float32", "float16", "dynamic_int8", "int8", "int16x8"])
def test_verify_and_audit_say_the_same_of_the_same_file(finished: Path, tmp_path: Path, variant: str) -> None:
    images = np.load(finished / paths.EVALUATION / "inputs" / "image.npy")[:20]
    np.savez(tmp_path / "data.npz", image=images)
    # Keras numbers the names of operations through a process, and the certificate speaks of them.
    keras.backend.clear_session()
    # As it is written: verify's is read from its file.
    audited = json.loads(
        json.dumps(audit.audit(MODEL, finished / paths.variant_model(variant), data=tmp_path / "data.npz", decision=LARGEST))
    )
    report = verified(finished, tmp_path / "stage", variant, images)
    assert set(audited) - {"notes"} == set(report) - {"variant"}
    # The ranges that the scales were made of are known to verify alone.
    for row in audited["checks"]:
        row["reason"] = row["reason"].split("; not compared: ranges of activations")[0]
    for key in set(report) - {"variant"}:
        assert audited[key] == report[key], key


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras saving a model
def test_a_file_of_no_scheme_is_not_compared_with_a_looser_limit(tmp_path: Path) -> None:
    """int2 weights: no variant may have them, so no limit is known."""
    network = certified.randomised(certified.wide())
    network.save(tmp_path / "network.keras")
    made = make(network, tmp_path / "source")
    (tmp_path / "int2.tflite").write_bytes(blockwise(made, 2, 0))
    np.savez(tmp_path / "data.npz", **made.samples)  # type: ignore[arg-type]
    report = audit.audit(tmp_path / "network.keras", tmp_path / "int2.tflite", data=tmp_path / "data.npz")
    why = "no scheme has int2 weights with float32 activations"
    assert report["notes"] == [f"dtypes and outputs are not compared: {why}; say it with --scheme"]
    assert report["scheme"] is None
    assert [row["name"] for row in report["checks"] if row["output"]] == ["finite"]
    assert "note dtypes and outputs are not compared" in audit_text.text(report)
    assert report["outputs"]["out"]["agreement"] is None


def test_what_the_file_is_said_to_be(int8: Path) -> None:
    report = audit.audit(MODEL, int8, scheme="float32")
    assert not report["passed"]
    assert "weights are int8; the variant says float32" in {fault["reason"] for fault in report["certificate"]["faults"]}


@pytest.mark.parametrize(
    ("model", "tflite", "message"),
    [
        ("none.keras", None, "--model: no such file: none.keras"),
        (None, "none.tflite", "--tflite: no such file: none.tflite"),
        (None, "models", "--tflite: models is a folder; name the .tflite file in it"),
        (None, "README.md", "--tflite: README.md: not a .tflite file"),
    ],
)
def test_what_cannot_be_answered_ends_with_two(int8: Path, model: str | None, tflite: str | None, message: str) -> None:
    done = run("--model", model or MODEL, "--tflite", tflite or int8)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_data_that_is_a_folder_or_missing(int8: Path, tmp_path: Path) -> None:
    for path, message in (
        (tmp_path, "is a folder; name one .npz file with an array for each input"),
        (tmp_path / "x", "no such file"),
    ):
        with pytest.raises(UserError, match=f"--data: .*{message}"):
            audit.audit(Path(MODEL), int8, data=path)


def halved(model: bytes) -> bytes:
    return model[: len(model) // 2]


def another_schema(model: bytes) -> bytes:
    def edit(content: Any) -> None:
        content.version = 7

    return faults.edited(model, edit)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (halved, "the file is damaged or cut off: "),
        (lambda model: b"", "not a .tflite file: the identifier TFL3 is missing"),
        (lambda model: model[:8], "the file is damaged or cut off: "),
        (another_schema, "the file has schema version 7; LiteRT reads 3"),
    ],
)
def test_a_file_that_cannot_be_read_ends_with_two_and_one_line(
    int8: Path, tmp_path: Path, change: Callable[[bytes], bytes], message: str
) -> None:
    (tmp_path / "model.tflite").write_bytes(change(int8.read_bytes()))
    done = run("--model", MODEL, "--tflite", tmp_path / "model.tflite")
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"error: --tflite: {tmp_path / 'model.tflite'}: {message}")
    assert done.stdout == ""


def test_a_file_without_its_weights_is_refused_though_litert_cannot_run_it(int8: Path, finished: Path, tmp_path: Path) -> None:
    def edit(content: Any) -> None:
        tensor = faults.tensor_of(content, faults.operators(content, "CONV_2D")[0], 1)
        content.buffers[0].data, tensor.buffer = np.array(content.buffers[tensor.buffer].data), 0

    (tmp_path / "model.tflite").write_bytes(faults.edited(int8.read_bytes(), edit))
    np.savez(tmp_path / "data.npz", image=np.load(finished / paths.EVALUATION / "inputs" / "image.npy")[:2])
    report = audit.audit(MODEL, tmp_path / "model.tflite", data=tmp_path / "data.npz")
    assert not report["passed"]
    assert "buffer 0 holds" in report["certificate"]["faults"][0]["reason"]
    assert report["notes"][-1].startswith("LiteRT cannot run the file: ")
    assert report["n"] == 0


def test_the_network_in_a_file_that_litert_cannot_run_is_no_answer(int8: Path, tmp_path: Path) -> None:
    def edit(content: Any) -> None:
        content.operatorCodes[0].version = 99

    (tmp_path / "model.tflite").write_bytes(faults.edited(int8.read_bytes(), edit))
    with pytest.raises(UserError, match=r"LiteRT cannot run the file: .* by its content it is the network"):
        audit.audit(MODEL, tmp_path / "model.tflite")


def test_what_else_the_file_holds_is_printed(int8: Path) -> None:
    lines = audit_text.text(audit.audit(MODEL, int8)).splitlines()
    assert "also in the file: description: MLIR Converted." in lines


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"picture": np.zeros((1, 8, 8, 1), np.float32)}, "has arrays picture; the network's inputs are image"),
        ({"image": np.full((1, 8, 8, 1), np.nan, np.float32)}, "image holds NaN or infinity"),
        ({"image": np.zeros((0, 8, 8, 1), np.float32)}, "at least one"),
    ],
)
def test_data_that_does_not_fit(int8: Path, tmp_path: Path, arrays: dict[str, np.ndarray], message: str) -> None:
    np.savez(tmp_path / "data.npz", **arrays)  # type: ignore[arg-type]
    with pytest.raises(UserError, match=message):
        audit.audit(MODEL, int8, data=tmp_path / "data.npz")


def test_code_in_the_network_runs_only_when_it_is_trusted(tmp_path: Path) -> None:
    start = keras.Input((4,), name="x")
    model = keras.Model(start, keras.layers.Dense(3, name="out")(keras.layers.Lambda(lambda x: x * 2, output_shape=(4,))(start)))
    with helpers.quiet():
        model.save(tmp_path / "network.keras")
    (tmp_path / "model.tflite").write_bytes(foreign.from_keras(model, "float32"))
    done = run("--model", tmp_path / "network.keras", "--tflite", tmp_path / "model.tflite")
    assert done.returncode == 2
    assert "holds a Lambda layer" in done.stderr
    assert "--trust-code of audit" in done.stderr
    done = run("--model", tmp_path / "network.keras", "--tflite", tmp_path / "model.tflite", "--trust-code")
    assert done.returncode == 0, done.stdout + done.stderr
