from pathlib import Path

import msgspec
import pytest

from pipeline import files, paths
from pipeline.selection.provenance_record import Provenance


def test_the_file_of_a_run_is_one_and_is_written_with_the_same_bytes(finished: Path, tmp_path: Path) -> None:
    path = finished / paths.SELECTED / "provenance.json"
    record = files.read_record(path, Provenance)
    files.write_json(tmp_path / "again.json", msgspec.to_builtins(record))
    assert (tmp_path / "again.json").read_bytes() == path.read_bytes()
    assert record.model.path == "models/digits_cnn.keras"
    assert (record.variant.name, record.variant.engine) == ("dynamic_int8", "litert")


def test_a_record_is_as_strict_as_params_yaml(finished: Path) -> None:
    content = files.read_json(finished / paths.SELECTED / "provenance.json")
    del content["variant"]["engine"]
    with pytest.raises(msgspec.ValidationError, match="missing required field `engine`"):
        msgspec.convert(content, Provenance)
