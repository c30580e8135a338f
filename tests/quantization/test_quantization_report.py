from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pipeline import config, files, paths
from pipeline.errors import UserError
from pipeline.quantization.operator_plan import Treatment
from pipeline.quantization.quantization_report import Operator, QuantizationReport, Settings
from tests import records

REPORT: dict[str, Any] = {
    "variant": "v",
    "settings": msgspec.to_builtins(records.settings(exclude=["conv"], samples=5)),
    "operators": [msgspec.to_builtins(records.quantized(layers=["conv", "relu"], weights=None, algorithm=None))],
    "rewritten": [msgspec.to_builtins(records.rewritten(coarser=1, coarser_steps=0.5))],
    "constants": {"int8": 3, "int32": 2},
    "io_dtypes": {"x": "int8", "y": "int8"},
    "float_operators": {"ELU": 2},
    "integer_only": False,
}


def test_the_files_of_a_run_are_such_records_and_are_written_with_the_same_bytes(finished: Path, tmp_path: Path) -> None:
    for name in ("float32", "float16", "dynamic_int8", "int8"):
        path = finished / paths.variant_outcome(name)
        record = files.read_record(path, QuantizationReport)
        files.write_json(tmp_path / "again.json", msgspec.to_builtins(record))
        assert (tmp_path / "again.json").read_bytes() == path.read_bytes()
        assert record.variant == name


def test_the_bytes_are_those_of_the_dictionary(tmp_path: Path) -> None:
    files.write_json(tmp_path / "plain.json", REPORT)
    record = files.read_record(tmp_path / "plain.json", QuantizationReport)
    files.write_json(tmp_path / "record.json", msgspec.to_builtins(record))
    assert (tmp_path / "record.json").read_bytes() == (tmp_path / "plain.json").read_bytes()
    with pytest.raises(AttributeError, match="immutable"):
        record.variant = "w"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda report: report.pop("constants"), "missing required field `constants`"),
        (lambda report: report.update(extra=1), "unknown field `extra`"),
        (lambda report: report["settings"].update(samples="5"), "Expected `int | null`, got `str` - at `$.settings.samples`"),
        (lambda report: report["settings"].update(reads={}), "unknown field `reads` - at `$.settings`"),
        (lambda report: report["operators"][0].update(reason=None), "Expected `str`, got `null` - at `$.operators[0].reason`"),
    ],
)
def test_another_form_is_refused_with_file_and_place(
    tmp_path: Path, change: Callable[[dict[str, Any]], object], fault: str
) -> None:
    content = msgspec.json.decode(msgspec.json.encode(REPORT))
    change(content)
    files.write_json(tmp_path / "quantization.json", content)
    with pytest.raises(UserError) as error:
        files.read_record(tmp_path / "quantization.json", QuantizationReport)
    assert str(error.value).startswith(f"{tmp_path / 'quantization.json'}: ")
    assert fault in str(error.value)


def test_the_settings_are_those_of_the_configuration_and_the_rows_those_of_the_plan() -> None:
    assert [*Settings.__struct_fields__, "reads"] == list(config.Variant.__struct_fields__)
    assert set(Operator.__struct_fields__) == {*Treatment.__dataclass_fields__, "layers"}
