import re
import sys
from pathlib import Path

import pytest

from pipeline import files
from pipeline.cli import scale
from pipeline.cli.scale_parts import POINT_STAGES, Parts
from pipeline.cli.scheduled_points import simulate
from tests.helpers import ROOT, call

PARTS = Parts(
    stages={"calibrate": 2.0, "quantize": 1.0, "benchmark": 3.0, "select": 1.0},
    dvc_stage=0.5,
    point=10.0,
    point_bytes=1e6,
    push=2.0,
    pull=1.0,
    samples={"float32": 2000.0, "int8": 1000.0, "original": 100.0},
    input_bytes=1000.0,
    output_bytes=100.0,
    evidence_bytes=50.0,
    compare=1e-6,
    resample=1e-7,
    cores=2,
    memory=3e9,
    disk=3.2e10,
)


def _rows(text: str) -> dict[str, list[str]]:
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()[2:]]
    return {first: rest for first, *rest in cells}


def test_points_take_their_time_by_the_cores() -> None:
    rows = _rows(scale.of_points(PARTS))
    assert rows["2 cores"] == ["83.3 min"]  # 1,000 points of 10 s
    assert rows["512 cores"] == ["19.5 s"]
    assert rows["cache"] == ["1 GB"]
    assert rows["of it DVC's own"] == ["60 %"]  # 0.5 s of each of 2 + 2 * 5 stages
    assert rows["pushing one after the other; pulling"] == ["33.3 min; 16.7 min"]


def test_samples_are_shared_out_but_for_what_sums_them() -> None:
    rows = _rows(scale.of_samples(PARTS))
    assert rows["`reference`"][:2] == ["27.8 h", "6.9 h"]  # 10^7 / 100 a second, then four times the cores
    assert rows["`predict`, a variant"][0] == "2.8 h"
    assert rows["`evaluate`, a variant by decisions: one core"] == ["10.0 s"] * 5
    assert rows["`evaluate`, a variant by bootstrap: one core"] == ["33.3 min"] * 5
    assert rows["memory of `evaluate`, at the least"][0] == "3 GB"  # 50 bytes, six networks
    assert rows["disk: inputs and outputs"][0] == "16 GB"
    assert rows["sent for one variant (shards)"][0] == "11 GB (656)"


def test_what_breaks_first_stands_first() -> None:
    found = scale.limits(PARTS)
    points = [(what, count) for what, count, unit in found if unit == "points"]
    samples = [(what, count) for what, count, unit in found if unit == "samples"]
    assert points == [
        ("a day of 2 cores", 17_280),
        ("disk: what points add to the cache", 32_000),
        ("a day of pushing from one place", 43_200),
    ]
    assert samples[0] == ("a day of `reference` on 2 cores", 8_640_000)
    assert samples[1] == ("memory of `evaluate`: scores of 6 networks", 10_000_000)
    assert [count for _, count in samples] == sorted(count for _, count in samples)
    assert "| a day of `reference` on 2 cores | 8.64 million samples |" in scale.of_limits(PARTS)


def test_a_point_of_the_simulation_takes_what_one_took() -> None:
    points = scale.swept(PARTS, 30)
    assert {sum(piece.seconds for piece in point) for point in points} == {PARTS.point}
    spans = simulate(points, [0], restore_s=0.0)
    # Each calibration once; what is a point's own as often as there are points.
    assert max(span.end for span in spans) == 30 * 10.0 - 5 * 2.0


def test_no_schedule_is_below_the_least_and_dead_workers_are_counted() -> None:
    rows = _rows(scale.of_schedules(PARTS, 200, (2, 8)))
    assert [row[0] for row in rows.values()] == ["1", "4"]
    assert all(row[-1] == "0" for row in rows.values())
    workers = [0, 0, 1, 1]
    spans = simulate(scale.swept(PARTS, 40), workers, restore_s=0.5, deaths=[(5.0, 0), (30.0, 3)])
    assert sum(span.killed for span in spans) == 2
    assert scale.least(spans, workers, 10.0) <= max(span.end for span in spans)
    # Two workers of a machine do nothing during 40 benchmarks of 3 s, shared by two machines.
    assert scale.least(spans, workers, 10.0) >= 60.0


def test_deaths_are_the_same_for_the_same_seed_and_as_many_as_expected() -> None:
    found = scale.deaths(100, 100 * 3600.0)
    assert found == scale.deaths(100, 100 * 3600.0)
    assert 900 < len(found) < 1100  # each worker ten times
    assert all(when < 100 * 3600.0 for when, _ in found)


def test_the_page_shows_the_tables_of_its_own_parts() -> None:
    """docs/scale.md is what the command printed: its arithmetic follows from the parts it shows."""
    text = (ROOT / "docs/scale.md").read_text(encoding="utf-8")
    titles = re.findall(r"^### (.*)$", scale.page(PARTS), re.MULTILINE)
    assert re.findall(r"^### (.*)$", text, re.MULTILINE) == titles
    first = {line.split("|")[1] for line in scale.page(PARTS).splitlines() if line.startswith("|") and "stage `" not in line}
    assert not [row for row in first if f"|{row}|" not in text and "a day of" not in row]


def test_kept_parts_give_the_page_of_those_that_were_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    parts = PARTS._replace(stages={stage: float(number + 1) for number, stage in enumerate(POINT_STAGES)}, point=60.0)
    files.write_json(tmp_path / "parts.json", parts._asdict())
    monkeypatch.setattr(scale, "SIMULATED", 50)
    monkeypatch.setattr(sys, "argv", ["scale", "--parts", str(tmp_path / "parts.json")])
    scale.main()
    assert capsys.readouterr().out == scale.page(parts) + "\n"


@pytest.mark.slow
def test_the_parts_are_measured_and_kept(project: Path, tmp_path: Path) -> None:
    kept = tmp_path / "parts.json"
    command = ("python", "-m", "pipeline.cli.scale", "--parts", str(kept))
    said = call(*command, "--project", str(project), cwd=ROOT, PYTHONPATH=str(ROOT)).stdout
    parts = Parts(**files.read_json(kept))
    assert parts.input_bytes == 8 * 8 * 4
    assert parts.output_bytes == 10 * 4
    assert parts.evidence_bytes == 11 * 8
    assert parts.point > sum(parts.stages.values()) / 2
    assert min(parts.samples.values()) > 0
    # A point that was run: its calibration and files are new.
    assert parts.point_bytes > 10_000
    assert said.endswith(call(*command, cwd=ROOT).stdout)
