from pathlib import Path

import pytest

from pipeline.lib import files, paths


@pytest.mark.parametrize("variant", ["float32", "int8"])
def test_reports_bytes_latency_and_memory(finished: Path, variant: str) -> None:
    report = files.read_json(finished / paths.BENCHMARK_REPORTS / f"{variant}.json")
    assert report["bytes"] == (finished / paths.variant_model(variant)).stat().st_size
    assert 0 < report["latency_median_ms"] <= report["latency_p95_ms"]
    assert report["peak_memory_kb"] > 0
    assert report["threads"] == 1
