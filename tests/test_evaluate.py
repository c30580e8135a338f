from pathlib import Path

import numpy as np
from sklearn.metrics import accuracy_score

from pipeline.lib import files, paths


def test_accuracy_of_the_original_and_of_each_variant_by_scikit_learn(finished: Path) -> None:
    report = files.read_json(finished / paths.ACCURACY)
    labels = np.load(finished / paths.EVALUATION / "labels.npy")
    assert report["n"] == len(labels) == 450
    original = accuracy_score(labels, files.read_arrays(finished / paths.REFERENCE)["probabilities"].argmax(1))
    assert report["original"]["accuracy"] == original
    assert original >= 0.98
    for name, row in report["variants"].items():
        own = accuracy_score(labels, files.read_arrays(finished / paths.OUTPUTS / name)["probabilities"].argmax(1))
        assert row["metrics"]["accuracy"] == own
        assert row["drop"] == original - own
        assert row["interval"][0] <= row["drop"] <= row["interval"][1]
        assert row["drop"] <= 0.01
