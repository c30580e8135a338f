import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from pipeline.cli import scale_parts


def test_a_rate_is_of_as_many_samples_as_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = 0.0
    monkeypatch.setattr(time, "perf_counter", lambda: clock)
    seen: list[int] = []

    def run(samples: Mapping[str, np.ndarray]) -> None:
        nonlocal clock
        seen.append(len(samples["x"]))
        clock += len(samples["x"]) / 100  # 100 a second

    assert scale_parts._rate(run, {"x": np.zeros((10, 2))}, 10, 1.0) == pytest.approx(100)
    assert seen == [10, 40, 160]


def test_what_evaluate_takes_is_measured_on_the_project_s_own_scores(finished: Path) -> None:
    found = scale_parts._judgement(finished)
    assert found["evidence_bytes"] == 8 + 10 * 8  # a label and ten scores
    assert found["compare"] > 0
    assert found["resample"] > 0
