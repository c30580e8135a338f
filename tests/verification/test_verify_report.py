"""The report's form is one record: written with the same bytes as before, and read strictly."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pipeline import files as formats
from pipeline.cli import audit
from pipeline.errors import UserError
from pipeline.runtime import interpreter
from pipeline.verification import judgement, verify_report
from pipeline.verification.verify_report import VerifyReport
from tests import faults
from tests.made import Made


@pytest.fixture(scope="module")
def judged(nets: Callable[[str], Made], files: Callable[[str, str], bytes]) -> dict[str, Any]:
    """Of a faulty file, so that every table has rows."""
    made = nets("convolutions")
    model = faults.edited(files("convolutions", "static_wi8_ai8"), faults.weight("CONV_2D", 1, "int8"))
    reference, predicted = (interpreter.predict(file, made.samples, workers=1) for file in (made.float32, model))
    return judgement.judge(
        made.source,
        made.float32,
        model,
        scheme="static_wi8_ai8",
        io_dtype="int8",
        algorithm="min_max",
        measured=None,
        outputs=judgement.Outputs(samples=made.samples, ids=[str(i) for i in range(8)], reference=reference, predicted=predicted),
        limits=audit.limits(),
    )


@pytest.fixture
def written(judged: dict[str, Any], tmp_path: Path) -> Path:
    formats.write_json(tmp_path / "int8.json", msgspec.to_builtins(verify_report.of("int8", judged)))
    return tmp_path / "int8.json"


def test_the_bytes_are_those_of_the_judgement(judged: dict[str, Any], written: Path, tmp_path: Path) -> None:
    assert judged["certificate"]["faults"]
    assert judged["divergence"]["operators"]
    formats.write_json(tmp_path / "plain.json", {"variant": "int8", **judged})
    assert written.read_bytes() == (tmp_path / "plain.json").read_bytes()


def test_what_was_written_is_what_is_read(judged: dict[str, Any], written: Path) -> None:
    report = formats.read_record(written, VerifyReport)
    assert report == verify_report.of("int8", judged)
    assert not report.passed
    assert report.certificate is not None
    assert report.certificate.layers[0].class_ == "InputLayer"
    with pytest.raises(AttributeError):
        report.passed = True  # type: ignore[misc]


@pytest.mark.parametrize("scheme", faults.FORMATS)
def test_every_kind_of_file_has_this_form(nets: Callable[[str], Made], files: Callable[[str, str], bytes], scheme: str) -> None:
    made = nets("attention")
    found = judgement.judge(
        made.source,
        made.float32,
        files("attention", scheme),
        scheme=scheme,
        io_dtype=None,
        algorithm=None,
        measured=None,
        outputs=None,
        limits=audit.limits(),
    )
    certificate = verify_report.of("v", found).certificate
    assert certificate is not None
    assert certificate.passed == found["passed"]


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda report: report.pop("passed"), "missing required field `passed`"),
        (lambda report: report.update(extra=1), "unknown field `extra`"),
        (lambda report: report.update(passed="yes"), "Expected `bool`, got `str` - at `$.passed`"),
        (lambda report: report["checks"][0].update(bound="about"), "Invalid enum value 'about' - at `$.checks[0].bound`"),
        (lambda report: report["certificate"]["macs"].update(file="3"), "Expected `int`, got `str` - at `$.certificate.macs.file`"),
    ],
)
def test_another_form_is_refused(written: Path, change: Callable[[dict[str, Any]], object], fault: str) -> None:
    report = json.loads(written.read_text())
    change(report)
    written.write_text(json.dumps(report))
    with pytest.raises(UserError) as error:
        formats.read_record(written, VerifyReport)
    assert str(error.value).startswith(f"{written}: ")
    assert fault in str(error.value)


def test_what_is_no_json_or_not_there(tmp_path: Path) -> None:
    (tmp_path / "half.json").write_text('{"variant":')
    with pytest.raises(UserError, match=r"half\.json: .+; run `dvc repro` to make it again$"):
        formats.read_record(tmp_path / "half.json", VerifyReport)
    with pytest.raises(UserError, match="no such file"):
        formats.read_record(tmp_path / "none.json", VerifyReport)
