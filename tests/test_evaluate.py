from pathlib import Path

import numpy as np
from sklearn.metrics import accuracy_score, confusion_matrix, log_loss

from pipeline import files, paths
from pipeline.cli import deps
from pipeline.runtime import interpreter
from tests.helpers import ROOT, call


def test_accuracy_of_the_original_and_of_each_variant_by_scikit_learn(finished: Path) -> None:
    report = files.read_json(finished / paths.ACCURACY)
    labels = np.load(finished / paths.EVALUATION / "labels.npy")
    reference = files.read_arrays(finished / paths.REFERENCE)["probabilities"]
    assert report["n"] == report["heads"]["main"]["n"] == len(labels) == 450
    original = accuracy_score(labels, reference.argmax(1))
    assert report["original"]["metrics"]["accuracy"] == original
    assert original >= 0.98
    for name, row in report["variants"].items():
        outputs = files.read_arrays(finished / paths.OUTPUTS / name)["probabilities"]
        own = accuracy_score(labels, outputs.argmax(1))
        assert row["metrics"]["accuracy"] == own
        assert row["drop"] == original - own
        assert row["interval"][0] <= row["drop"] <= row["interval"][1]
        # All variants of the example answer alike where it matters: one comparison.
        assert row["simultaneous"] == row["interval"]
        assert row["drop"] <= 0.01
        found = report["heads"]["main"]["variants"][name]
        assert found["confusion"] == confusion_matrix(labels, outputs.argmax(1)).tolist()
        assert len(found["flips"]) == (outputs.argmax(1) != reference.argmax(1)).sum()
        probabilities = outputs.astype(np.float64).clip(1e-7)
        expected = log_loss(labels, probabilities / probabilities.sum(1, keepdims=True))
        assert abs(row["metrics"]["log_loss"] - expected) < 1e-6


def test_the_whole_labelled_set_when_asked(project: Path) -> None:
    """Calibration and tuning samples too, by scikit-learn; what is chosen by stays as it was."""
    before = files.read_json(project / paths.ACCURACY)
    assert "whole" not in before
    chosen = files.read_json(project / paths.METRICS)["variants"]["int8"]
    call("python", "-m", "pipeline.cli.compose", "quantization=[float32,int8]", "evaluate.on=all", cwd=project)
    done = call("dvc", "repro", "evaluate", cwd=project).stdout
    assert {name for name in deps.stages(ROOT) if f"Running stage '{name}" in done} == {"check", "reference", "predict", "evaluate"}
    report = files.read_json(project / paths.ACCURACY)
    sets = {"": paths.EVALUATION, "calibration": paths.CALIBRATION, "tuning": paths.TUNING}
    labels = np.concatenate([np.load(project / folder / "labels.npy") for folder in sets.values()])
    assert (report["whole"]["n"], report["whole"]["calibration"], report["whole"]["tuning"]) == (len(labels), 200, 150)
    for row, folder in (
        (report["whole"]["original"], paths.REFERENCE),
        (report["whole"]["variants"]["int8"], paths.OUTPUTS / "int8"),
    ):
        outputs = np.concatenate([files.read_arrays(project / folder / inside)["probabilities"] for inside in sets])
        assert row["metrics"]["accuracy"] == accuracy_score(labels, outputs.argmax(1))
    # Each sample of each set has its own output, in its place.
    for inside, folder in sets.items():
        model, samples = (project / paths.FLOAT32).read_bytes(), files.read_samples(project / folder)
        expected = interpreter.predict(model, samples, workers=1)["probabilities"]
        reference = files.read_arrays(project / paths.REFERENCE / inside)["probabilities"]
        np.testing.assert_allclose(reference, expected, atol=1e-5)
    for name in ("float32", "int8"):
        assert report["variants"][name]["drop"] == before["variants"][name]["drop"]
        assert report["variants"][name]["metrics"] == before["variants"][name]["metrics"]
    for stage in ("select", "report"):
        call("python", "-m", f"pipeline.{stage}", cwd=project)
    assert files.read_json(project / paths.METRICS)["variants"]["int8"] == chosen
    summary = (project / paths.SUMMARY).read_text(encoding="utf-8")
    assert "On all 800 labelled samples, 200 of which are for calibration and 150 for tuning" in summary
    assert f"int8 {report['whole']['variants']['int8']['metrics']['accuracy']:.4f}" in summary
    assert '<table id="whole">' in (project / paths.PAGE).read_text(encoding="utf-8")
    call("python", "-m", "pipeline.cli.compose", cwd=project)
    assert "Running stage" not in call("dvc", "repro", "evaluate", cwd=project).stdout
    assert files.read_json(project / paths.ACCURACY) == before
