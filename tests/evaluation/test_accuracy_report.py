from pathlib import Path

import msgspec
import pytest

from pipeline import files, paths
from pipeline.evaluation.accuracy_report import Accuracy


def test_the_file_of_a_run_is_one_and_is_written_with_the_same_bytes(finished: Path, tmp_path: Path) -> None:
    path = finished / paths.ACCURACY
    record = files.read_record(path, Accuracy)
    files.write_json(tmp_path / "again.json", msgspec.to_builtins(record))
    assert (tmp_path / "again.json").read_bytes() == path.read_bytes()
    assert record.baseline() == record.variants["float32"].metrics["accuracy"]


def test_a_record_is_as_strict_as_params_yaml(finished: Path) -> None:
    content = files.read_json(finished / paths.ACCURACY)
    content["variants"]["int8"]["lossed"] = 3
    with pytest.raises(msgspec.ValidationError, match="unknown field `lossed`"):
        msgspec.convert(content, Accuracy)
