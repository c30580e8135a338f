from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.verification import parameter_rows
from tests import certified, faults
from tests.made import Made, certify, make, named


def test_a_bias_dropped_in_folding(nets: Callable[[str], Made]) -> None:
    made = nets("convolutions")

    def edit(content: Any) -> None:
        values = faults.array(content, faults.tensor_of(content, faults.operators(content, "CONV_2D")[0], 2), "float32")
        w = made.source.weights
        scale = w["bn_full/gamma"] / np.sqrt(w["bn_full/moving_variance"] + 1e-3)
        values -= w["conv/bias"] * scale

    wrong = faults.edited(made.float32, edit)
    report = certify(made, wrong, None)
    assert "conv/bias" in {row["path"] for row in report["variables"] if not row["passed"]}
    assert "conv" in named(report)
    again = certify(replace(made, float32=wrong), wrong, None, None)
    assert "conv/bias" in {row["path"] for row in again["variables"] if not row["passed"]}


def test_weights_of_another_checkpoint(nets: Callable[[str], Made], tmp_path: Path) -> None:
    made = nets("shared")
    other = make(certified.randomised(certified.shared(), seed=1), tmp_path / "other")
    report = certify(made, other.float32, "float32")
    assert report["parameters"]["accounted"] == 0
    assert {"twice", "tower/fc", "out"} <= named(report)


def test_the_sentence(nets: Callable[[str], Made], files: Callable[[str, str], bytes]) -> None:
    report = certify(nets("wide"), files("wide", "dynamic_wi8_afp32"), None)
    assert report["summary"].startswith("13,130 of 13,130 parameters accounted for: ")
    assert "quantized (worst 0.50 step)" in report["summary"]


def test_a_sentence_says_what_is_missing() -> None:
    rows = [
        {"parameters": 3, "status": "quantized"},
        {"parameters": 2, "status": "wrong"},
        {"parameters": 1, "status": "absent"},
    ]
    counts = parameter_rows.counts(rows)
    assert (counts["total"], counts["accounted"], counts["share"]) == (6, 4, 4 / 6)
    said = parameter_rows.sentence(counts, worst_step=0.5, absent="not used at inference")
    assert said == ("4 of 6 parameters accounted for: 3 quantized (worst 0.50 step), 1 not used at inference, 2 not accounted for")
