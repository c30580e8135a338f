"""The rest is shown on real networks, in tests/test_rows.py."""

from pathlib import Path

import msgspec
import pytest

from pipeline import files, paths
from pipeline.errors import Impossible, UserError
from pipeline.failures import failure_record, variant_run
from tests import records
from tests.inprocess import one_process
from tests.networks import Measured


def refuse(model: bytes) -> None:
    raise Impossible(f"no kernel in {len(model)} bytes", "take it out")


def made(folder: Path, digits: Measured, scheme: str) -> None:
    files.write_bytes(folder / paths.variant_model("v"), digits.model)
    outcome = records.outcome(variant="v", settings=records.settings(scheme=scheme))
    files.write_json(folder / paths.variant_outcome("v"), msgspec.to_builtins(outcome))


def test_a_failure_before_is_handed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    failure_record.write(paths.VARIANTS / "v", records.failure())
    assert variant_run.attempt(refuse, variant="v", failed="benchmark") == records.failure()
    assert capsys.readouterr().out == "variants.v: could not be built, as stage quantize says: nothing to do\n"


def test_a_refusal_is_a_record_but_of_the_float32_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, digits: Measured) -> None:
    monkeypatch.chdir(tmp_path)
    with one_process():
        made(tmp_path, digits, "static_wi8_ai8")
        found = variant_run.attempt(refuse, variant="v", failed="benchmark")
        happened = f"no kernel in {len(digits.model)} bytes"
        assert found == records.failure(failed="benchmark", happened=happened, remedy="take it out")
        made(tmp_path, digits, "float32")
        with pytest.raises(UserError, match=r"^models/variants/v/model\.tflite: cannot be run here, .*: no kernel in") as refused:
            variant_run.attempt(refuse, variant="v", failed="predict")
    assert not isinstance(refused.value, Impossible)
