"""Regression, segmentation, anomaly detection and two outputs, from the user's files to what ships."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn import metrics as sk

from pipeline import files, paths
from tests.examples import EXAMPLES
from tests.helpers import ROOT, call


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("examples")
    call(sys.executable, str(ROOT / "tests" / "examples.py"), str(target), cwd=ROOT)
    return target


def outputs(folder: Path, variant: str | None) -> dict[str, np.ndarray]:
    return files.read_arrays(folder / (paths.REFERENCE if variant is None else paths.OUTPUTS / variant))


def figure(name: str, folder: Path, variant: str | None) -> dict[str, float]:
    """The primary metric by scikit-learn, from the files of data/."""
    found, data = outputs(folder, variant), folder / paths.EVALUATION
    if name == "two_outputs":
        kind, value = np.load(data / "labels" / "kind.npy"), np.load(data / "labels" / "value.npy")
        return {
            "kind.accuracy": sk.accuracy_score(kind, found["kind"].argmax(1)),
            "value.rmse": sk.root_mean_squared_error(value, found["value"][:, 0].astype(np.float64)),
        }
    labels, output = np.load(data / "labels.npy"), next(iter(found.values())).astype(np.float64)
    if name == "regression":
        return {"rmse": sk.root_mean_squared_error(labels, output[:, 0]), "r2": sk.r2_score(labels, output[:, 0])}
    if name == "segmentation":
        return {"mean_iou": sk.jaccard_score(labels.ravel(), output.argmax(-1).ravel(), average="macro")}
    error = ((output - np.load(data / "inputs" / "x.npy")) ** 2).mean(1)
    return {"roc_auc": sk.roc_auc_score(labels, error), "partial_auc": sk.roc_auc_score(labels, error, max_fpr=0.1)}


@pytest.mark.parametrize("name", EXAMPLES)
def test_end_to_end(examples: Path, name: str) -> None:
    folder = examples / name
    metrics, accuracy = files.read_json(folder / paths.METRICS), files.read_json(folder / paths.ACCURACY)
    for key, value in figure(name, folder, None).items():
        assert accuracy["original"]["metrics"][key] == pytest.approx(value, rel=1e-6)
    for variant, row in metrics["variants"].items():
        assert row["verified"], files.read_json(folder / paths.VERIFY_REPORTS / f"{variant}.json")
        for key, value in figure(name, folder, variant).items():
            assert accuracy["variants"][variant]["metrics"][key] == pytest.approx(value, rel=1e-6)
        primary = accuracy["primary_metric"]
        assert row[primary] == accuracy["variants"][variant]["metrics"][primary]
        assert row["drop_low"] <= row["drop"] <= row["drop_high"]
    decision = files.read_json(folder / paths.SELECTED / "decision.json")
    best = min(metrics["variants"], key=lambda variant: metrics["variants"][variant]["bytes"])
    assert metrics["selected"] == decision["selected"] == best
    assert (folder / paths.SELECTED / "model.tflite").read_bytes() == (folder / paths.variant_model(best)).read_bytes()
    page = (folder / paths.PAGE).read_text(encoding="utf-8")
    assert decision["sentence"].split(";")[0] in page
    assert accuracy["primary_metric"] in (folder / paths.SUMMARY).read_text(encoding="utf-8")
    samples, results = folder / paths.EVALUATION / "inputs" / "x.npy", folder / "out.npz"
    call(sys.executable, str(folder / paths.SELECTED / "predict.py"), str(samples), str(results), cwd=folder)
    for key, expected in outputs(folder, best).items():
        np.testing.assert_array_equal(np.load(results)[key], expected)


def test_the_figures_tell_good_from_bad(examples: Path) -> None:
    """The examples are no trivial ones: the networks know something, and int8 costs something."""
    found: dict[str, Any] = {name: files.read_json(examples / name / paths.ACCURACY) for name in EXAMPLES}
    assert found["regression"]["original"]["metrics"]["r2"] > 0.9
    assert 0.8 < found["segmentation"]["original"]["metrics"]["mean_iou"] <= 1
    assert found["anomaly"]["original"]["metrics"]["roc_auc"] > 0.9
    assert 0.7 < found["two_outputs"]["original"]["metrics"]["kind.accuracy"] < 1
    assert found["regression"]["variants"]["int8"]["drop"] != 0
    assert found["regression"]["higher_is_better"] is False
    assert found["two_outputs"]["heads"]["kind"]["task_type"] == "classification"
