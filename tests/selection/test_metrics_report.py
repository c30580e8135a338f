from pathlib import Path

import msgspec
import pytest

from pipeline import files, paths
from pipeline.selection import metrics_report
from pipeline.selection.metrics_report import Metrics


def test_the_file_of_a_run_is_one_and_is_written_with_the_same_bytes(finished: Path, tmp_path: Path) -> None:
    path = finished / paths.METRICS
    record = files.read_record(path, Metrics)
    files.write_json(tmp_path / "again.json", metrics_report.flat(record))
    assert (tmp_path / "again.json").read_bytes() == path.read_bytes()
    assert files.read_json(path)["accuracy"] == record.variants[str(record.selected)]["accuracy"]


def test_a_record_is_as_strict_as_params_yaml(finished: Path) -> None:
    content = files.read_json(finished / paths.METRICS)
    content["variants"]["int8"]["accuracy"] = "high"
    with pytest.raises(msgspec.ValidationError, match=r"got `str` - at `\$\.variants"):
        msgspec.convert(content, Metrics)
