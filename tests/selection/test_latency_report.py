from pathlib import Path

import msgspec
import pytest

from pipeline import files, paths
from pipeline.selection import latency_report
from pipeline.selection.latency_report import Latency


def test_the_file_of_a_run_is_one_and_is_written_with_the_same_bytes(finished: Path, tmp_path: Path) -> None:
    path = finished / paths.LATENCY
    record = files.read_record(path, Latency)
    files.write_json(tmp_path / "again.json", latency_report.flat(record, "dynamic_int8"))
    assert (tmp_path / "again.json").read_bytes() == path.read_bytes()
    assert files.read_json(path)["latency_median_ms"] == record.variants["dynamic_int8"].latency_median_ms


def test_a_record_is_as_strict_as_params_yaml(finished: Path) -> None:
    content = files.read_json(finished / paths.LATENCY)
    content["variants"]["int8"]["latency_p99_ms"] = 3
    with pytest.raises(msgspec.ValidationError, match="unknown field `latency_p99_ms`"):
        msgspec.convert(content, Latency)
