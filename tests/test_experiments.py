"""The ways of working with DVC experiments, for real."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from tests.helpers import call, stages_run

JUDGE = {"evaluate", "select", "report", "gate"}


def experiments(cwd: Path) -> dict[str, dict[str, Any]]:
    """Metrics of every experiment of HEAD, by the variants it built."""
    shown = json.loads(call("dvc", "exp", "show", "--json", cwd=cwd).stdout)
    found = {}
    for row in shown[1]["experiments"] or []:
        data = row["revs"][0]["data"]
        found[",".join(data["params"]["params.yaml"]["data"]["variants"])] = data["metrics"]["reports/metrics.json"]["data"]
    return found


@pytest.mark.slow
def test_a_list_is_one_experiment_and_repeats_nothing(project: Path) -> None:
    done = call("dvc", "exp", "run", "-S", "quantization=[int8,float16]", cwd=project)
    assert stages_run(done.stdout) == {"check"} | JUDGE
    metrics = experiments(project)["int8,float16"]
    assert metrics["selected"] == "int8"
    assert set(metrics["variants"]) == {"int8", "float16"}
    # One row of `dvc exp show` compares these.
    assert {"accuracy", "baseline", "drop", "bytes", "sqnr_db", "max_abs_error", "agreement", "verified"} <= set(metrics)
    again = call("dvc", "exp", "run", "-S", "quantization=[float32,float16,dynamic_int8,int8,int16x8]", cwd=project)
    assert stages_run(again.stdout) == set()


@pytest.mark.slow
def test_a_comma_queues_one_experiment_each(project: Path) -> None:
    queued = call("dvc", "exp", "run", "-S", "quantization=int8,float16", "-S", "gate.enabled=false", "--queue", cwd=project)
    assert queued.stdout.count("Queued experiment") == 2
    call("dvc", "exp", "run", "--run-all", cwd=project)
    found = experiments(project)
    assert set(found) == {"int8", "float16"}
    assert found["int8"]["bytes"] < found["float16"]["bytes"]
    names = [line.split()[0] for line in call("dvc", "queue", "status", cwd=project).stdout.splitlines() if "Success" in line]
    # `compare` says of them what DVC says, and has each latency from its own run.
    told = call("python", "-m", "pipeline.cli.compare", "--csv", "all.csv", cwd=project).stdout
    assert max(map(len, told.splitlines())) <= 100
    with (project / "all.csv").open(encoding="utf-8") as stream:
        rows = {row["variant"]: row for row in csv.DictReader(stream)}
    assert set(rows) == {"int8", "float16"}
    for variant, row in rows.items():
        shown = found[variant]["variants"][variant]
        assert {key: float(row[key]) for key in ("bytes", "accuracy", "drop_high", "sqnr_db")} == {
            key: shown[key] for key in ("bytes", "accuracy", "drop_high", "sqnr_db")
        }
        assert row["shipped"] == "true"
        assert float(row["latency_median_ms"]) > 0
    for name in names:
        # Finished work came from the shared run cache.
        assert stages_run(call("dvc", "queue", "logs", name, cwd=project).stdout) <= {"check"} | JUDGE


@pytest.mark.slow
def test_tuning_one_variant_runs_only_that_one(project: Path) -> None:
    done = call("dvc", "exp", "run", "-S", "variants.int8.algorithm=octav", cwd=project)
    assert stages_run(done.stdout) == {"check", "quantize@int8", "predict@int8", "verify@int8", "benchmark@int8"} | JUDGE


def test_a_bad_experiment_is_refused_before_it_is_queued(project: Path) -> None:
    for override, expected in {
        "calibrate.sampels=3": "error: calibrate.sampels: unknown key (did you mean 'samples'?); allowed: bins, method,",
        "+calibrate.sampels=3": "unknown key (did you mean 'samples'?); allowed: bins, method, percentile, samples",
        "variants.int8.algorithm=gptq9": "'gptq9' is not sound for litert static_wi8_ai8; allowed: min_max",
        "quantization=[int7]": "error: quantization: no 'int7'; allowed: converter_dynamic,",
        "calibrate.samples=many": "calibrate.samples: got 'many'; expected a whole number (at least 1)",
    }.items():
        done = call("dvc", "exp", "run", "--queue", "-S", override, cwd=project, check=False)
        assert done.returncode != 0
        assert expected in done.stdout.replace("\n", " ")
        # DVC would call it unexpected, and ask to be told.
        assert "Hit us up" not in done.stdout
        assert done.stdout.count("\n") == 1
    assert "No experiment" in call("dvc", "queue", "status", cwd=project).stdout
