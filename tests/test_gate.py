from pathlib import Path
from typing import Any

import msgspec
import pytest

from pipeline import files, paths
from tests import records
from tests.helpers import ROOT, call, edited_params


def gate(finished: Path, folder: Path, metrics: dict[str, Any], *, enabled: bool = True) -> tuple[int, str]:
    edited_params(finished, folder, {"gate.enabled": enabled})
    files.write_json(folder / paths.METRICS, {**metrics, "variants": {}})
    reasons = {"int8": "fewest bytes", "float32": "not verified (sqnr_db)"}
    decision = records.decision(metrics["selected"], sentence="Ship int8: smallest.", reasons=reasons)
    files.write_json(folder / paths.SELECTED / "decision.json", msgspec.to_builtins(decision))
    files.write_json(folder / paths.GATE, "of another run")
    done = call("python", "-m", "pipeline.gate", cwd=folder, check=False, PYTHONPATH=str(ROOT))
    assert "Traceback" not in done.stdout
    return done.returncode, done.stdout


@pytest.mark.parametrize(
    ("metrics", "enabled", "code", "message"),
    [
        ({"selected": "int8", "conversion_verified": True}, True, 0, "gate: Ship int8: smallest."),
        (
            {"selected": "int8", "conversion_verified": None},
            True,
            0,
            "no float32 variant is configured, so the conversion",
        ),
        (
            {"selected": "int8", "conversion_verified": False},
            True,
            1,
            "error: gate: the float32 conversion differs",
        ),
        (
            {"selected": None, "conversion_verified": True},
            True,
            1,
            "error: gate: no variant may be shipped; see reports/",
        ),
        ({"selected": None, "conversion_verified": True}, False, 0, "gate: off; no variant may be shipped"),
    ],
)
def test_fails_with_reasons_unless_it_is_off(
    finished: Path, tmp_path: Path, metrics: dict[str, Any], enabled: bool, code: int, message: str
) -> None:
    returned, printed = gate(finished, tmp_path, metrics, enabled=enabled)
    assert returned == code
    assert message in printed
    if metrics["selected"] is None:
        assert "gate: float32: not verified (sqnr_db)" in printed
    # A run that it fails leaves nothing that DVC could take for one that it let pass.
    if code != 0:
        assert not (tmp_path / paths.GATE).exists()
    else:
        left = files.read_json(tmp_path / paths.GATE)
        assert (left["selected"], len(left["faults"])) == (metrics["selected"], 0 if metrics["selected"] else 1)
