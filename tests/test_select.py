import hashlib
from pathlib import Path

from pipeline.lib import files, paths
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
    limits = [f"verify.limits.{scheme}.sqnr_db=300" for scheme in ("float32", "static_wi8_ai8")]
    call("python", "-m", "pipeline.cli.compose", "quantization=[float32,int8]", *limits, cwd=project)
    done = call("dvc", "repro", cwd=project, check=False)
    assert done.returncode != 0
    assert "error: gate: the float32 conversion differs from the original network; no variant may be shipped" in done.stdout
    assert files.read_json(project / paths.METRICS)["selected"] is None
    assert sorted(path.name for path in (project / paths.SELECTED).iterdir()) == ["decision.json"]
    assert files.read_json(project / paths.SELECTED / "decision.json")["reasons"] == {
        "float32": "not verified",
        "int8": "not verified",
    }
    assert "Nothing may be shipped" in (project / paths.SUMMARY).read_text(encoding="utf-8")
    call("python", "-m", "pipeline.cli.compose", "quantization=[float32,int8]", *limits, "gate.enabled=false", cwd=project)
    assert "gate: off; the float32 conversion differs" in call("dvc", "repro", cwd=project).stdout
