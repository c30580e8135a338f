from typing import Any

import msgspec
import numpy as np

from pipeline.dataset import split_manifest


def listing(tuning: list[int], **data: Any) -> Any:
    """The set as the file has it."""
    sets = split_manifest.listing({"calibration": [], "evaluation": [], "tuning": tuning}, **data)
    return msgspec.to_builtins(sets.tuning)


def test_sets_with_classes() -> None:
    found = listing(
        [2, 0],
        ids=["a", "b", "c"],
        hashes={0: "h0", 2: "h2"},
        labels=np.array([1, 0, 1]),
        classes=["cat", "dog"],
    )
    assert found == {
        "n": 2,
        "by_class": {"cat": 0, "dog": 2},
        "samples": [{"id": "c", "sha256": "h2", "label": 1}, {"id": "a", "sha256": "h0", "label": 1}],
    }


def test_targets_and_masks_have_no_histogram() -> None:
    for labels, expected in ((np.array([0.5]), 0.5), (np.zeros((1, 2, 2)), None), ({"a": np.zeros(1)}, None), (None, None)):
        found = listing([0], ids=["a"], hashes={0: "h"}, labels=labels, classes=None)
        assert (found["by_class"], found["samples"][0]["label"]) == (None, expected)


def test_what_a_reader_of_your_own_gives_as_numpy_s_text_and_truth_is_plain_in_the_file() -> None:
    found = listing([0], ids=np.array(["a"]), hashes={0: "h"}, labels=np.array([True]), classes=None)
    assert [*map(type, found["samples"][0].values())] == [str, str, bool]
