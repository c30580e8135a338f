import numpy as np

from pipeline.dataset import split_manifest


def test_sets_with_classes() -> None:
    found = split_manifest.listing(
        {"tuning": [2, 0]},
        ids=["a", "b", "c"],
        hashes={0: "h0", 2: "h2"},
        labels=np.array([1, 0, 1]),
        classes=["cat", "dog"],
    )
    assert found == {
        "tuning": {
            "n": 2,
            "by_class": {"cat": 0, "dog": 2},
            "samples": [{"id": "c", "sha256": "h2", "label": 1}, {"id": "a", "sha256": "h0", "label": 1}],
        }
    }


def test_targets_and_masks_have_no_histogram() -> None:
    for labels, expected in ((np.array([0.5]), 0.5), (np.zeros((1, 2, 2)), None), ({"a": np.zeros(1)}, None), (None, None)):
        found = split_manifest.listing({"tuning": [0]}, ids=["a"], hashes={0: "h"}, labels=labels, classes=None)["tuning"]
        assert (found["by_class"], found["samples"][0]["label"]) == (None, expected)
