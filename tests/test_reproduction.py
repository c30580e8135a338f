"""One edit at a time in a copy of the repository: exactly the stages that it touches run, and going back runs none."""

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import yaml

from pipeline import paths
from tests.helpers import call, edited_params, stages_run

FIVE = ("float32", "float16", "dynamic_int8", "int8", "int16x8")
JUDGE = {"evaluate", "select", "report", "gate"}


def each(stage: str, *variants: str) -> set[str]:
    return {f"{stage}@{variant}" for variant in variants}


def of_variants(*variants: str) -> set[str]:
    return {name for stage in ("quantize", "predict", "verify", "benchmark") for name in each(stage, *variants)}


@pytest.fixture(scope="module")
def workspace(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One copy for all edits: each test puts back what it changed."""
    return Path(shutil.copytree(finished, tmp_path_factory.mktemp("edits") / "project", symlinks=True))


def repro(cwd: Path, *overrides: str, packages: str = "") -> set[str]:
    """Compose and run with `packages` in front on Python's path; the stages that really ran."""
    path = f"{packages}{os.pathsep}{cwd}"
    call("python", "-m", "pipeline.cli.compose", *overrides, cwd=cwd, PYTHONPATH=path)
    return stages_run(call("dvc", "repro", cwd=cwd, PYTHONPATH=path).stdout)


def test_a_second_run_runs_no_stage(workspace: Path) -> None:
    assert repro(workspace) == set()


STATIC = {"calibrate"} | of_variants("int8", "int16x8") | JUDGE


@pytest.mark.parametrize(
    ("option", "value", "expected"),
    [
        ("variants.int8.algorithm", "mse", {"check"} | of_variants("int8") | JUDGE),
        ("verify.margin_db", 11.5, each("verify", *FIVE) | {"select", "report"}),
        ("select.max_drop", 0.02, {"select", "report", "gate"}),
        ("select.objective", "latency", {"select", "report", "gate"}),
        pytest.param("calibrate.samples", 50, STATIC | {"match"}, marks=pytest.mark.slow),
        pytest.param("calibrate.method", "moving_average", STATIC, marks=pytest.mark.slow),
        ("gate.enabled", False, {"gate"}),
        pytest.param("benchmark.runs", 50, each("benchmark", *FIVE) | {"select", "report"}, marks=pytest.mark.slow),
        pytest.param(
            "seed",
            1,
            {"sample", "match", "reference"} | STATIC | each("predict", *FIVE) | each("verify", *FIVE),
            marks=pytest.mark.slow,
        ),
    ],
)
def test_an_option_runs_what_it_touches_and_back_nothing(workspace: Path, option: str, value: Any, expected: set[str]) -> None:
    params = workspace / "params.yaml"
    before = params.read_bytes()
    edited_params(workspace, workspace, {option: value})
    try:
        assert stages_run(call("dvc", "repro", cwd=workspace).stdout) == expected
    finally:
        params.write_bytes(before)
    assert stages_run(call("dvc", "repro", cwd=workspace).stdout) == set()


@pytest.mark.slow
def test_a_variant_added_then_removed_then_brought_back(workspace: Path) -> None:
    assert repro(workspace, "quantization=[float32,float16,dynamic_int8,int8,int16x8,int8_float_io]") == (
        {"check"} | of_variants("int8_float_io") | JUDGE
    )
    assert repro(workspace, "quantization=[float32,float16,dynamic_int8,int8]") == {"check"} | JUDGE
    assert repro(workspace) == set()


def append_comment(path: Path) -> None:
    path.write_text(path.read_text(encoding="utf-8") + "# a comment\n", encoding="utf-8")


def change_an_evaluation_image(path: Path) -> None:
    arrays = dict(np.load(path))
    listed = (path.parent / "split.json").read_text(encoding="utf-8")
    first = int(re.search(r'"evaluation".*?"id": "digits\[(\d+)\]"', listed, re.DOTALL)[1])  # type: ignore[index]
    arrays["images"][first] = 16 - arrays["images"][first]
    np.savez(path, allow_pickle=False, **arrays)


def change_a_weight(path: Path) -> None:
    model = keras.models.load_model(path)
    layer = model.get_layer("hidden")
    kernel, bias = layer.get_weights()
    layer.set_weights([kernel * 1.01, bias])
    model.save(path)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras saving a model
@pytest.mark.parametrize(
    ("file", "edit", "expected"),
    [
        ("pipeline/evaluation/registry.py", append_comment, {"evaluate"}),
        ("pipeline/quantization/quantizer.py", append_comment, {"calibrate"} | each("quantize", *FIVE)),
        pytest.param(
            "data/digits.npz",
            change_an_evaluation_image,
            {"sample", "match", "reference"} | each("predict", *FIVE) | each("verify", *FIVE) | JUDGE,
            marks=pytest.mark.slow,
        ),
        pytest.param(
            "models/digits_cnn.keras",
            change_a_weight,
            {"load", "reference", "convert", "calibrate"} | of_variants(*FIVE) | JUDGE,
            marks=pytest.mark.slow,
        ),
    ],
)
def test_a_file_runs_what_it_touches_and_going_back_recomputes_nothing(
    workspace: Path, file: str, edit: Callable[[Path], None], expected: set[str]
) -> None:
    path = workspace / file
    before = path.read_bytes()
    try:
        edit(path)
        assert stages_run(call("dvc", "repro", cwd=workspace).stdout) == expected
    finally:
        path.write_bytes(before)
    assert stages_run(call("dvc", "repro", cwd=workspace).stdout) == set()


@pytest.mark.slow
def test_an_upgraded_library_runs_the_stages_that_use_it(workspace: Path, tmp_path: Path) -> None:
    """A newer litert-quantizer in front on the path: what importlib.metadata finds first is what is installed."""
    info = tmp_path / "litert_quantizer-0.11.1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: litert-quantizer\nVersion: 0.11.1\n")
    try:
        # `select` writes the versions into what it ships.
        assert repro(workspace, packages=str(tmp_path)) == {"calibrate", "select", "report"} | each("quantize", *FIVE)
        stale = call("python", "-m", "pipeline.calibrate", cwd=workspace, check=False)
        assert stale.returncode == 1
        assert "versions.litert_quantizer is 0.11.1, installed is 0.11.0; run `make params`" in stale.stdout
    finally:
        back = repro(workspace)
    assert back == set()


DETERMINISTIC = ["sample", "convert", "calibrate", "quantize@int8", "predict@int8", "verify@int8", "evaluate", "report"]


@pytest.mark.parametrize("stage", DETERMINISTIC)
def test_a_stage_writes_the_same_bytes_again(workspace: Path, stage: str) -> None:
    """Forced past the cache, the outputs' hashes in dvc.lock stay as they were."""
    call("dvc", "repro", cwd=workspace)  # what the stage before has removed
    before = (workspace / "dvc.lock").read_bytes()
    assert stages_run(call("dvc", "repro", "-s", "-f", stage, cwd=workspace).stdout) == {stage}
    assert (workspace / "dvc.lock").read_bytes() == before


# What is measured on this machine, and what has it inside.
_MEASURED = ("reports/benchmark", "reports/latency.json", "reports/index.html", "reports/plots", "reports/pictures")


@pytest.mark.slow
def test_two_cold_clones_leave_the_same_lock_and_metrics(finished: Path, tmp_path: Path) -> None:
    """In other folders, with other hash seeds, threads, time zones and locales, nothing in any cache."""
    found = []
    for number in ("1", "2"):
        clone = tmp_path / f"clone é {number}"
        call("git", "clone", "-q", str(finished), str(clone), cwd=tmp_path)
        (clone / paths.LOCK).unlink()
        (clone / paths.METRICS).unlink()
        environment: dict[str, Any] = {"PYTHONHASHSEED": number, "OMP_NUM_THREADS": number, "TZ": f"UTC-{number}"}
        environment |= {"LC_ALL": "C.UTF-8" if number == "1" else "C", "TF_NUM_INTRAOP_THREADS": number}
        said = call("dvc", "repro", cwd=clone, **environment).stdout
        assert "load" in stages_run(said)
        lock = yaml.safe_load((clone / paths.LOCK).read_text(encoding="utf-8"))["stages"]
        for stage in lock.values():
            for kind in ("deps", "outs"):
                stage[kind] = [entry for entry in stage.get(kind, []) if not entry["path"].startswith(_MEASURED)]
        found.append((lock, (clone / paths.METRICS).read_bytes()))
    assert found[0] == found[1]
