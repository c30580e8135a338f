from pathlib import Path

import msgspec
import pytest

from pipeline import files, paths
from pipeline.selection.decision_record import Decision


def test_the_file_of_a_run_is_one_and_is_written_with_the_same_bytes(finished: Path, tmp_path: Path) -> None:
    path = finished / paths.SELECTED / "decision.json"
    record = files.read_record(path, Decision)
    files.write_json(tmp_path / "again.json", msgspec.to_builtins(record))
    assert (tmp_path / "again.json").read_bytes() == path.read_bytes()


def test_a_record_is_as_strict_as_params_yaml(finished: Path) -> None:
    content = files.read_json(finished / paths.SELECTED / "decision.json")
    content["constraints"]["max_byte"] = 3
    with pytest.raises(msgspec.ValidationError, match="unknown field `max_byte`"):
        msgspec.convert(content, Decision)
