from pathlib import Path

import numpy as np
from sklearn.metrics import accuracy_score, confusion_matrix, log_loss

from pipeline import files, paths


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
