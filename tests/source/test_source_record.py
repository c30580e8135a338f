from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pipeline import files, paths
from pipeline.errors import UserError
from pipeline.source.source_record import Source

SOURCE: dict[str, Any] = {
    "name": "m",
    "format": "saved_model",
    "signature": {
        "key": "serving_default",
        "batch": None,
        "inputs": [{"name": "x", "shape": [None, 4], "dtype": "float32"}],
        "outputs": [{"name": "y", "shape": [None, 3], "dtype": "float32"}],
    },
    "original_signature": {
        "inputs": [{"name": "x", "shape": None, "dtype": "float16"}],
        "outputs": [{"name": "y", "shape": [None, 3], "dtype": "float16"}],
    },
    "rewritten_to_float32": ["float16"],
    "layers": [{"path": "a/b", "class": "Dense", "parameters": 15}],
    "counts": {"parameters": 15, "variables": 2},
}


def test_the_file_of_a_run_is_one_and_is_written_with_the_same_bytes(finished: Path, tmp_path: Path) -> None:
    path = finished / paths.SOURCE_FACTS
    record = files.read_record(path, Source)
    files.write_json(tmp_path / "again.json", msgspec.to_builtins(record))
    assert (tmp_path / "again.json").read_bytes() == path.read_bytes()
    assert (record.format, record.layers[0].class_, record.signature.batch) == ("keras", "InputLayer", 1)


def test_the_bytes_are_those_of_the_dictionary(tmp_path: Path) -> None:
    files.write_json(tmp_path / "plain.json", SOURCE)
    record = files.read_record(tmp_path / "plain.json", Source)
    files.write_json(tmp_path / "record.json", msgspec.to_builtins(record))
    assert (tmp_path / "record.json").read_bytes() == (tmp_path / "plain.json").read_bytes()
    with pytest.raises(AttributeError, match="immutable"):
        record.name = "n"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda source: source.pop("counts"), "missing required field `counts`"),
        (lambda source: source.update(extra=1), "unknown field `extra`"),
        (lambda source: source["original_signature"].update(key="a"), "unknown field `key` - at `$.original_signature`"),
        (lambda source: source["signature"].pop("batch"), "missing required field `batch` - at `$.signature`"),
        (lambda source: source["signature"]["inputs"][0].update(shape=["4"]), "at `$.signature.inputs[0].shape[0]`"),
        (lambda source: source["layers"][0].update(class_="Dense"), "unknown field `class_` - at `$.layers[0]`"),
    ],
)
def test_another_form_is_refused_with_file_and_place(
    tmp_path: Path, change: Callable[[dict[str, Any]], object], fault: str
) -> None:
    content = msgspec.json.decode(msgspec.json.encode(SOURCE))
    change(content)
    files.write_json(tmp_path / "source.json", content)
    with pytest.raises(UserError) as error:
        files.read_record(tmp_path / "source.json", Source)
    assert str(error.value).startswith(f"{tmp_path / 'source.json'}: ")
    assert fault in str(error.value)
