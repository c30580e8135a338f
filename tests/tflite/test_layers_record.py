from pathlib import Path
from typing import Any

import msgspec
import pytest

from pipeline import files, paths
from pipeline.errors import UserError
from pipeline.tflite.layers_record import Layers

ROW: dict[str, Any] = {"operator": "CONV_2D", "tensor": "net/relu;net/conv", "layers": ["conv", "relu"]}
PLAIN: dict[str, Any] = {"operators": [ROW, {"operator": "SOFTMAX", "tensor": "PartitionedCall:0", "layers": []}]}


def test_the_file_of_a_run_is_one_and_is_written_with_the_same_bytes(finished: Path, tmp_path: Path) -> None:
    path = finished / paths.LAYERS
    record = files.read_record(path, Layers)
    files.write_json(tmp_path / "again.json", msgspec.to_builtins(record))
    assert (tmp_path / "again.json").read_bytes() == path.read_bytes()
    assert record.operators[0].layers == ["conv", "conv_bn", "conv_relu"]


def test_the_bytes_are_those_of_the_dictionary(tmp_path: Path) -> None:
    files.write_json(tmp_path / "plain.json", PLAIN)
    record = files.read_record(tmp_path / "plain.json", Layers)
    files.write_json(tmp_path / "record.json", msgspec.to_builtins(record))
    assert (tmp_path / "record.json").read_bytes() == (tmp_path / "plain.json").read_bytes()
    with pytest.raises(AttributeError, match="immutable"):
        record.operators[0].tensor = "x"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ({}, "missing required field `operators`"),
        ({**PLAIN, "extra": 1}, "unknown field `extra`"),
        ({"operators": [ROW, {**ROW, "layers": "conv"}]}, "Expected `array`, got `str` - at `$.operators[1].layers`"),
        ({"operators": [{**ROW, "macs": 3}]}, "unknown field `macs` - at `$.operators[0]`"),
        ({"operators": [{"tensor": "a", "layers": []}]}, "missing required field `operator` - at `$.operators[0]`"),
    ],
)
def test_another_form_is_refused_with_file_and_place(tmp_path: Path, content: dict[str, Any], fault: str) -> None:
    files.write_json(tmp_path / "layers.json", content)
    with pytest.raises(UserError) as error:
        files.read_record(tmp_path / "layers.json", Layers)
    assert str(error.value).startswith(f"{tmp_path / 'layers.json'}: ")
    assert fault in str(error.value)
