import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import numpy as np
import pytest

from pipeline import files, paths
from tests.helpers import call


def test_ships_the_smallest_verified_variant_byte_for_byte(finished: Path) -> None:
    metrics = files.read_json(finished / paths.METRICS)
    best = min(metrics["variants"], key=lambda name: metrics["variants"][name]["bytes"])
    decision = files.read_json(finished / paths.SELECTED / "decision.json")
    shipped = (finished / paths.SELECTED / "model.tflite").read_bytes()
    assert metrics["selected"] == decision["selected"] == best
    assert shipped == (finished / paths.variant_model(best)).read_bytes()
    assert decision["sha256"] == hashlib.sha256(shipped).hexdigest()
    assert set(decision["reasons"]) == set(metrics["variants"])
    assert "latency" not in str(metrics)


def test_nothing_is_shipped_when_nothing_is_verified_and_gate_fails(project: Path) -> None:
    limits = ["verify.rounding=0.001", "verify.margin_db=-100.0"]
    call("python", "-m", "pipeline.cli.compose", "quantization=[float32,int8]", *limits, cwd=project)
    done = call("dvc", "repro", cwd=project, check=False)
    assert done.returncode != 0
    assert "error: gate: the float32 conversion differs from the original network; no variant may be shipped" in done.stdout
    assert files.read_json(project / paths.METRICS)["selected"] is None
    assert sorted(path.name for path in (project / paths.SELECTED).iterdir()) == ["decision.json", "metrics.json"]
    reasons = files.read_json(project / paths.SELECTED / "decision.json")["reasons"]
    assert set(reasons) == {"float32", "int8"}
    above = r"not verified \(max_abs_error: [0-9.e-]+ above the limit [0-9.e-]+(; not judged: .*)?\)"
    assert re.fullmatch(above, reasons["float32"])
    below = r"not verified \(sqnr_db: [0-9.]+ below the limit [0-9.]+; [0-9.]+ dB simulated on 450 samples\)"
    assert re.fullmatch(below, reasons["int8"])
    assert "Nothing may be shipped" in (project / paths.SUMMARY).read_text(encoding="utf-8")
    call("python", "-m", "pipeline.cli.compose", "quantization=[float32,int8]", *limits, "gate.enabled=false", cwd=project)
    assert "gate: off; the float32 conversion differs" in call("dvc", "repro", cwd=project).stdout


def test_what_dvc_makes_columns_of_is_what_one_compares(finished: Path) -> None:
    figures = {"accuracy", "baseline", "drop", "drop_low", "drop_high", "p_value", "n"}
    figures |= {"verified", "bytes", "sqnr_db", "max_abs_error", "agreement"}
    metrics, latency = files.read_json(finished / paths.METRICS), files.read_json(finished / paths.LATENCY)
    assert set(metrics) == figures | {"selected", "conversion_verified", "variants"}
    assert all(set(row) == figures for row in metrics["variants"].values())
    assert metrics["variants"][metrics["selected"]].items() <= metrics.items()
    timings = {"latency_median_ms", "latency_p95_ms"}
    assert set(latency) == timings | {"variants"}
    for name, row in latency["variants"].items():
        benchmark = files.read_json(finished / paths.benchmark(name))
        assert row == {timing: benchmark[timing] for timing in timings}
    # Both are metrics to DVC, and everything in them is a figure.
    shown = json.loads(call("dvc", "metrics", "show", "--json", cwd=finished).stdout)[""]["data"]
    assert {path: entry["data"] for path, entry in shown.items()} == {
        paths.METRICS.as_posix(): metrics,
        paths.LATENCY.as_posix(): latency,
    }


def test_what_ships_lies_beside_the_model(finished: Path) -> None:
    shipped = finished / paths.SELECTED
    assert {path.name for path in shipped.iterdir()} == {
        *("MODEL_CARD.md", "labels.txt", "model.cc", "model.h", "model.tflite", "predict.py"),
        *("decision.json", "metrics.json", "provenance.json"),
    }
    assert (shipped / "metrics.json").read_bytes() == (finished / paths.METRICS).read_bytes()
    assert (shipped / "labels.txt").read_text(encoding="utf-8").split() == list("0123456789")
    origin = files.read_json(shipped / "provenance.json")
    assert origin["file_sha256"] == hashlib.sha256((shipped / "model.tflite").read_bytes()).hexdigest()
    assert origin["model"]["sha256"] == hashlib.sha256((finished / "models/digits_cnn.keras").read_bytes()).hexdigest()
    assert origin["data"]["sets"]["evaluation"]["n"] == 450
    card = (shipped / "MODEL_CARD.md").read_text(encoding="utf-8")
    metrics = files.read_json(finished / paths.METRICS)
    assert f"| accuracy (decides) | {metrics['baseline']:.4f} | {metrics['accuracy']:.4f} |" in card
    assert origin["model"]["sha256"] in card
    assert f"tensorflow {origin['versions']['tensorflow']}" in card
    source = (shipped / "model.cc").read_text(encoding="utf-8")
    assert bytes(int(digits, 16) for digits in re.findall("0x([0-9a-f]{2})", source)) == (shipped / "model.tflite").read_bytes()


def only(names: Iterable[str], folder: Path) -> Path:
    """A folder with the installed packages of these names and of what they require, and nothing else."""
    folder.mkdir()
    waiting, seen = list(names), set()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        try:
            found = distribution(name)
        except PackageNotFoundError:  # for another version of Python or another system
            continue
        for top in {file.parts[0] for file in found.files or ()} - {".."}:
            if not (folder / top).exists():
                (folder / top).symlink_to(Path(str(found.locate_file(top))).resolve())
        waiting += [re.split(r"[^\w.-]", line)[0] for line in found.requires or () if "extra ==" not in line]
    return folder


def test_the_shipped_predict_gives_the_pipeline_s_outputs_without_tensorflow(finished: Path, tmp_path: Path) -> None:
    """In an environment of numpy, ai-edge-litert and what they need themselves."""
    packages = only(["numpy", "ai-edge-litert"], tmp_path / "packages")
    environment = {"PYTHONPATH": str(packages), "PATH": os.environ["PATH"]}
    bare = [sys.executable, "-S"]  # no site-packages but those of PYTHONPATH
    for absent in ("tensorflow", "keras", "pipeline", "litert_quantizer", "scipy"):
        done = subprocess.run([*bare, "-c", f"import {absent}"], capture_output=True, text=True, cwd=tmp_path, env=environment)
        assert f"No module named '{absent}'" in done.stderr
    script, samples = finished / paths.SELECTED / "predict.py", finished / paths.EVALUATION / "inputs" / "image.npy"
    for variant in ("dynamic_int8", "int8", "int16x8"):
        folder = tmp_path / variant
        folder.mkdir()
        (folder / "predict.py").write_bytes(script.read_bytes())
        (folder / "model.tflite").write_bytes((finished / paths.variant_model(variant)).read_bytes())
        command = [*bare, str(folder / "predict.py"), str(samples), str(folder / "out.npz")]
        subprocess.run(command, check=True, capture_output=True, text=True, cwd=tmp_path, env=environment)
        expected = files.read_arrays(finished / paths.OUTPUTS / variant)["probabilities"]
        np.testing.assert_array_equal(np.load(folder / "out.npz")["probabilities"], expected)
    code = [line for line in script.read_text(encoding="utf-8").split('"""')[2].splitlines() if line.strip()]
    assert len(code) <= 20


@pytest.mark.slow
def test_the_shipped_array_compiles(finished: Path, tmp_path: Path) -> None:
    shipped = finished / paths.SELECTED
    command = ["gcc", "-Wall", "-Wextra", "-Werror", "-c", str(shipped / "model.cc"), "-o", str(tmp_path / "model.o")]
    subprocess.run(command, check=True)
    assert (shipped / "model.tflite").read_bytes() in (tmp_path / "model.o").read_bytes()


def test_constraints_reject_with_reasons_and_change_the_choice(project: Path) -> None:
    call("python", "-m", "pipeline.cli.compose", "select.integer_only=true", "select.max_bytes=25300", cwd=project)
    call("python", "-m", "pipeline.select", cwd=project)
    decision = files.read_json(project / paths.SELECTED / "decision.json")
    assert decision["selected"] == "int8"
    reasons = decision["reasons"]
    assert "not integer-only: " in reasons["dynamic_int8"]
    assert reasons["int16x8"] == "25,672 bytes are over the ceiling of 25,300"
    # With 450 samples no interval is within a tenth of a point, though the measured drop is.
    call("python", "-m", "pipeline.cli.compose", "select.max_drop=0.001", cwd=project)
    call("python", "-m", "pipeline.select", cwd=project)
    decision = files.read_json(project / paths.SELECTED / "decision.json")
    assert decision["selected"] is None
    assert (
        "the upper end of the interval that holds for all variants at once, 0.85 points, is over the budget of 0.10 points; "
        "3,838 evaluation samples like these would keep it" in decision["reasons"]["float32"]
    )
    assert decision["verdicts"]["float32"] == "cannot tell: with 450 samples a drop below 0.89 points cannot be detected"
    call("python", "-m", "pipeline.cli.compose", "select.max_drop=0.001", "select.drop_bound=estimate", cwd=project)
    call("python", "-m", "pipeline.select", cwd=project)
    assert files.read_json(project / paths.SELECTED / "decision.json")["selected"] == "dynamic_int8"
