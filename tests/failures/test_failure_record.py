from pathlib import Path

import msgspec
import pytest

from pipeline import files
from pipeline.errors import Impossible, UserError
from pipeline.failures import failure_record
from pipeline.failures.failure_record import Place
from pipeline.selection.benchmark_report import ReferenceKernels
from tests import records

ERROR = Impossible("no kernel", "do this", (("DIV", "a/b;c"), ("SUB", "d")))


def test_the_sentence_says_what_where_and_what_to_do() -> None:
    found = failure_record.of(ERROR, variant="v", failed="predict", layers={"a/b;c": ["one", "two"]})
    assert found.places == [
        Place(operator="DIV", tensor="a/b;c", layers=["one", "two"]),
        Place(operator="SUB", tensor="d", layers=[]),
    ]
    assert found.sentence() == "cannot be run here: no kernel, at DIV (one, two), SUB (d); do this"
    assert records.failure().sentence() == "could not be built: it was refused; do this"


def test_a_folder_holds_the_failure_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "v").mkdir()
    (tmp_path / "v" / "model.tflite").write_bytes(b"of another run")
    assert failure_record.read(tmp_path / "v") is None
    failure_record.write(tmp_path / "v", records.failure())
    assert failure_record.read(tmp_path / "v") == records.failure()
    assert [path.name for path in (tmp_path / "v").iterdir()] == ["failure.json"]


def test_a_file_holds_one_or_the_other(tmp_path: Path) -> None:
    plain = ReferenceKernels(operators={}, reason=None)
    for name, content in {"failed": records.failure(), "made": plain}.items():
        files.write_json(tmp_path / name, msgspec.to_builtins(content))
    found = failure_record.results(lambda name: tmp_path / name, ["failed", "made"], ReferenceKernels)
    assert found == ({"made": plain}, {"failed": records.failure()})
    files.write_json(tmp_path / "v", {"failed": "quantize"})
    with pytest.raises(UserError, match="missing required field"):
        failure_record.results(lambda name: tmp_path / name, ["v"], ReferenceKernels)
