import platform
import zlib
from pathlib import Path

import pytest

from pipeline import files, paths


@pytest.mark.parametrize("variant", ["float32", "int8"])
def test_reports_bytes_latency_and_memory(finished: Path, variant: str) -> None:
    report = files.read_json(finished / paths.BENCHMARK_REPORTS / f"{variant}.json")
    assert report["bytes"] == (finished / paths.variant_model(variant)).stat().st_size
    assert 0 < report["latency_median_ms"] <= report["latency_p95_ms"]
    assert report["peak_memory_kb"] > 0
    assert report["threads"] == 1
    assert report["machine"]["python"] == platform.python_version()
    assert report["latency_first_ms"] > report["latency_median_ms"]
    assert report["macs"] == sum(report["macs_by_operator"].values()) == 67904
    assert report["reference_kernels"] == {"operators": {}, "reason": None}


def test_compressed_bytes_are_those_of_zlib(finished: Path) -> None:
    report = files.read_json(finished / paths.BENCHMARK_REPORTS / "int8.json")
    assert (
        report["compressed_bytes"] == len(zlib.compress((finished / paths.variant_model("int8")).read_bytes(), 9)) < report["bytes"]
    )
