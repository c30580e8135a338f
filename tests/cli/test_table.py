from pathlib import Path
from typing import Any

import yaml

from pipeline.cli import table
from pipeline.cli.compose import compose
from pipeline.selection.latency_report import Timing
from tests.helpers import ROOT, call

METRICS: dict[str, dict[str, Any]] = {
    "big": {"bytes": 74748, "accuracy": 0.98222, "drop": 0.0, "sqnr_db": None, "verified": True},
    "small": {"bytes": 15080, "accuracy": 0.97556, "drop": 0.00667, "sqnr_db": 17.36, "verified": False},
    "unlabelled": {"bytes": 20000, "sqnr_db": 30.0, "verified": True},
}
LATENCY = {name: Timing(latency_median_ms=0.00881, latency_p95_ms=0.009) for name in METRICS}


def test_a_row_for_each_variant_the_smallest_first() -> None:
    text = table.markdown(table.rows(METRICS, LATENCY, metric="accuracy"), metric="accuracy")
    assert text.splitlines() == [
        "| variant | bytes | accuracy | drop | SQNR dB | latency ms | verified |",
        "| --- | ---: | ---: | ---: | ---: | ---: | --- |",
        "| small | 15,080 | 0.9756 | 0.0067 | 17.4 | 0.0088 | no |",
        "| unlabelled | 20,000 | – | – | 30.0 | 0.0088 | yes |",
        "| big | 74,748 | 0.9822 | 0.0000 | – | 0.0088 | yes |",
    ]


def test_prints_what_the_pipeline_reported(finished: Path) -> None:
    lines = call("python", "-m", "pipeline.cli.table", cwd=finished).stdout.splitlines()
    assert [line.split(" | ")[0] for line in lines[2:]] == ["| dynamic_int8", "| int8", "| int16x8", "| float16", "| float32"]
    assert lines[2].startswith("| dynamic_int8 | 23,592 | 0.9822 | 0.0000 | 44.3 | 0.")
    assert lines[2].endswith(" | yes |")


def test_the_experiment_names_every_variant() -> None:
    composed = yaml.safe_load(compose(ROOT, ["experiment=every_variant"]))
    assert set(composed["variants"]) == {path.stem for path in (ROOT / "conf" / "quantization").glob("[a-z]*.yaml")}
    assert set(composed["searches"]) == {"mixed"}
    assert composed["gate"]["enabled"] is False
