from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pipeline import files, paths
from pipeline.dataset.split_record import Split
from pipeline.errors import UserError

SPLIT: dict[str, Any] = {
    "data": "d",
    "classes": ["cat", "dog"],
    "labelled": True,
    "training_samples": 3,
    "dropped_duplicates": ["e"],
    "sets": {
        "calibration": {
            "n": 2,
            "by_class": {"cat": 2, "dog": 0},
            "samples": [{"id": "a", "sha256": "ha", "label": 0}, {"id": "b", "sha256": "hb", "label": 1.0}],
        },
        "evaluation": {"n": 1, "by_class": None, "samples": [{"id": "c", "sha256": "hc", "label": 0.1}]},
        "tuning": {
            "n": 2,
            "by_class": None,
            "samples": [{"id": "d", "sha256": "hd", "label": None}, {"id": "f", "sha256": "hf", "label": True}],
        },
    },
}


def test_the_file_of_a_run_is_one_and_is_written_with_the_same_bytes(finished: Path, tmp_path: Path) -> None:
    path = finished / paths.SPLIT
    record = files.read_record(path, Split)
    files.write_json(tmp_path / "again.json", msgspec.to_builtins(record))
    assert (tmp_path / "again.json").read_bytes() == path.read_bytes()
    assert (record.data, record.training_samples, record.sets.calibration.n) == ("digits", 997, 200)


def test_the_bytes_are_those_of_the_dictionary_whole_and_broken_labels_included(tmp_path: Path) -> None:
    files.write_json(tmp_path / "plain.json", SPLIT)
    record = files.read_record(tmp_path / "plain.json", Split)
    files.write_json(tmp_path / "record.json", msgspec.to_builtins(record))
    assert (tmp_path / "record.json").read_bytes() == (tmp_path / "plain.json").read_bytes()
    with pytest.raises(AttributeError, match="immutable"):
        record.labelled = False  # type: ignore[misc]


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda split: split.pop("data"), "missing required field `data`"),
        (lambda split: split.update(extra=1), "unknown field `extra`"),
        (lambda split: split["sets"].pop("tuning"), "missing required field `tuning` - at `$.sets`"),
        (lambda split: split["sets"]["tuning"].update(n="2"), "Expected `int`, got `str` - at `$.sets.tuning.n`"),
        (lambda split: split["sets"]["evaluation"]["samples"][0].update(id=1), "at `$.sets.evaluation.samples[0].id`"),
    ],
)
def test_another_form_is_refused_with_file_and_place(
    tmp_path: Path, change: Callable[[dict[str, Any]], object], fault: str
) -> None:
    content = msgspec.json.decode(msgspec.json.encode(SPLIT))
    change(content)
    files.write_json(tmp_path / "split.json", content)
    with pytest.raises(UserError) as error:
        files.read_record(tmp_path / "split.json", Split)
    assert str(error.value).startswith(f"{tmp_path / 'split.json'}: ")
    assert fault in str(error.value)
