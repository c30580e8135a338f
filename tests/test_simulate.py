import importlib.metadata
import sys
from pathlib import Path

import pytest
import yaml

from pipeline import config, files, paths, simulate
from pipeline.cli.compose import compose
from pipeline.errors import UserError
from pipeline.micro.simulation_report import Simulation
from tests.helpers import ROOT, TFLM, call, edited_params, stages_run

MISSING = "select.target: tflite_micro needs the package tflite-micro, which is not installed; it exists for Linux on x86-64"


@pytest.fixture
def hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    """An installation without the optional package."""
    version = importlib.metadata.version

    def other(name: str) -> str:
        if name == "tflite-micro":
            raise importlib.metadata.PackageNotFoundError(name)
        return version(name)

    monkeypatch.setattr(importlib.metadata, "version", other)


@pytest.mark.skipif(not TFLM, reason="tflite-micro exists for Linux on x86-64 alone")
def test_the_target_runs_each_variant_and_says_what_may_ship(project: Path) -> None:
    call("python", "-m", "pipeline.cli.compose", "experiment=microcontroller", cwd=project)
    ran = stages_run(call("dvc", "repro", cwd=project).stdout)
    names = ["float32", "int8", "int16x8"]
    assert {f"simulate@{name}" for name in names} <= ran
    assert not {stage for stage in ran if stage.split("@")[0] in ("load", "convert", "quantize", "predict", "verify", "benchmark")}
    reports = {name: files.read_record(project / paths.simulation(name), Simulation) for name in names}
    assert all(report.passed for report in reports.values())
    metrics = files.read_json(project / paths.METRICS)
    assert metrics["selected"] == "int8"
    assert metrics["arena_bytes"] == 6384
    assert {name: row["arena_bytes"] for name, row in metrics["variants"].items()} == {
        name: report.arena.bytes for name, report in reports.items() if report.arena is not None
    }
    assert not stages_run(call("dvc", "repro", cwd=project).stdout)
    summary, page = ((project / path).read_text(encoding="utf-8") for path in (paths.SUMMARY, paths.PAGE))
    assert "| int8 | yes | 10 | 6,384 | 3,312 |" in summary
    assert "<h3>On TensorFlow Lite Micro</h3>" in page
    firmware = (project / paths.SELECTED / "main.cc").read_text(encoding="utf-8")
    assert "constexpr size_t kArenaBytes = 6384;" in firmware
    for line in reports["int8"].resolver:
        assert line in firmware
    # A limit of the choice runs nothing on the target again, and has its reason.
    call("python", "-m", "pipeline.cli.compose", "experiment=microcontroller", "select.max_arena_bytes=6000", cwd=project)
    done = call("dvc", "repro", cwd=project, check=False)
    assert stages_run(done.stdout) == {"select", "report", "gate"}
    assert "int8: an arena of 6,384 bytes is over the ceiling of 6,000" in done.stdout
    # Without the target nothing speaks of it any more.
    call("python", "-m", "pipeline.cli.compose", cwd=project)
    call("dvc", "repro", cwd=project)
    assert "arena_bytes" not in files.read_json(project / paths.METRICS)
    assert not (project / paths.SELECTED / "main.cc").exists()
    assert "TensorFlow Lite Micro" not in (project / paths.SUMMARY).read_text(encoding="utf-8")


@pytest.mark.skipif(not TFLM, reason="tflite-micro exists for Linux on x86-64 alone")
def test_what_the_target_refuses_does_not_ship_for_it(project: Path) -> None:
    """Dynamic range would be the smallest file."""
    asked = ["quantization=[float32,float16,dynamic_int8,int8]", "select.target=tflite_micro"]
    call("python", "-m", "pipeline.cli.compose", *asked, cwd=project)
    call("dvc", "repro", cwd=project)
    decision = files.read_json(project / paths.SELECTED / "decision.json")
    assert decision["selected"] == "int8"
    assert decision["reasons"]["dynamic_int8"].startswith(
        "TFLite Micro refuses it: Hybrid models are not supported on TFLite Micro; Node CONV_2D (number 0) failed to prepare"
    )
    assert decision["reasons"]["float16"].startswith("TFLite Micro refuses it: ")
    assert decision["reasons"]["float32"].startswith("qualifies")
    assert files.read_json(project / paths.METRICS)["variants"]["dynamic_int8"]["arena_bytes"] is None


@pytest.mark.usefixtures("hidden")
def test_without_the_package_the_target_is_refused_in_one_line_and_all_else_composes() -> None:
    with pytest.raises(UserError) as refused:
        compose(ROOT, ["experiment=microcontroller"])
    assert MISSING in str(refused.value)
    assert "\n" not in str(refused.value)
    assert compose(ROOT, []) == (ROOT / "params.yaml").read_text(encoding="utf-8")


@pytest.mark.usefixtures("hidden")
def test_without_the_package_the_stage_says_so(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As where params.yaml was composed on another machine."""
    changes = {"select.target": "tflite_micro", "simulation.reports": "reports/simulate", "versions.tflite_micro": "0.dev1"}
    names = yaml.safe_load((finished / "params.yaml").read_text(encoding="utf-8"))["variant_names"]
    edited_params(finished, tmp_path, {**changes, "simulation.variants": names})
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["simulate", "int8"])
    with pytest.raises(UserError, match=MISSING):
        simulate.main()


def test_the_derived_part_is_checked(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for changes in ({"select.target": "tflite_micro"}, {"simulation.variants": ["int8"]}, {"simulation.reports": "reports"}):
        edited_params(finished, tmp_path, changes)
        with pytest.raises(UserError, match=r"simulation: is derived from select\.target and variants"):
            config.read()
