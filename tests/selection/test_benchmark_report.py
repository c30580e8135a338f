from pathlib import Path

import msgspec
import pytest

from pipeline import files, paths
from pipeline.selection.benchmark_report import Benchmark


def test_the_file_of_a_run_is_one_and_is_written_with_the_same_bytes(finished: Path, tmp_path: Path) -> None:
    path = finished / paths.BENCHMARK_REPORTS / "int8.json"
    record = files.read_record(path, Benchmark)
    files.write_json(tmp_path / "again.json", msgspec.to_builtins(record))
    assert (tmp_path / "again.json").read_bytes() == path.read_bytes()


def test_a_record_is_as_strict_as_params_yaml(finished: Path) -> None:
    content = files.read_json(finished / paths.BENCHMARK_REPORTS / "int8.json")
    content["reference_kernels"]["reason"] = 3
    with pytest.raises(msgspec.ValidationError, match=r"Expected `str \| null`, got `int`"):
        msgspec.convert(content, Benchmark)
