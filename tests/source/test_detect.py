"""The format is told from what is inside, whatever the file is called."""

import json
import zipfile
from pathlib import Path
from typing import Any

import h5py
import pytest

from pipeline.source import detect


def archive(path: Path, version: str) -> Path:
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("metadata.json", json.dumps({"keras_version": version}))
        file.writestr("config.json", "{}")
    return path


def hdf5(path: Path, **attributes: Any) -> Path:
    with h5py.File(path, "w") as file:
        file.attrs.update({"model_config": json.dumps({"class_name": "Functional"}), **attributes})
    return path


def test_by_content_not_by_name(tmp_path: Path) -> None:
    assert detect.detect(archive(tmp_path / "a.h5", "3.15.1")) == "keras"
    assert detect.detect(archive(tmp_path / "b.keras", "2.15.0")) == "keras2"
    assert detect.detect(hdf5(tmp_path / "c.model", keras_version="3.0.0")) == "keras3_h5"
    assert detect.detect(hdf5(tmp_path / "d.h5", keras_version=b"2.4.0")) == "keras2_h5"
    assert detect.detect(hdf5(tmp_path / "e.h5")) == "keras2_h5"  # Keras 1 wrote no version
    (tmp_path / "f").mkdir()
    (tmp_path / "f/saved_model.pb").write_bytes(b"")
    assert detect.detect(tmp_path / "f") == "saved_model"


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (
            {"class_name": "Lambda", "config": {"name": "a", "function_type": "lambda", "function": ["4wEA", None, None]}},
            ["a Lambda layer (a)"],
        ),
        (
            {"class_name": "Lambda", "config": {"name": "a", "function": {"class_name": "__lambda__", "config": {}}}},
            ["a Lambda layer (a)"],
        ),
        (
            {"layers": [{"class_name": "Dense", "config": {"name": "a", "activation": {"class_name": "__lambda__"}}}]},
            ["a lambda (activation of a)"],
        ),
        ({"class_name": "Lambda", "config": {"function_type": "function", "function": "mine"}}, []),
        (
            {"class_name": "Dense", "config": {"name": "a", "activation": {"value": ["4wEA", None, None]}}},
            ["a lambda (activation of a)"],
        ),
        ({"class_name": "Mine", "config": {"name": "a", "activation": {"value": 3}}}, []),
        ({"layers": [{"class_name": "Dense", "config": {"units": 3}}]}, []),
    ],
)
def test_code_inside(config: Any, expected: list[str]) -> None:
    assert detect.code_places(config) == expected


def test_names_that_are_not_of_keras() -> None:
    config = {
        "module": "keras",
        "class_name": "Dense",
        "config": {
            "kernel_initializer": {"module": "mine.code", "class_name": "Start", "registered_name": "pack>Start", "config": {}},
            "activation": {"module": "builtins", "class_name": "function", "config": "swoosh"},
        },
    }
    assert detect.foreign_names([config]) == {"pack>Start", "swoosh"}


def test_metadata_is_read_as_keras_reads_it(tmp_path: Path) -> None:
    """Braces and quotes of a name and of keys hide a Lambda layer from whoever looks for braces."""
    text = '{",": ":", "}": 1, "class_name": "Lambda", "config": {"name": "a", "function_type": "lambda"}}'
    metadata = text + " " * (5000 - len(text))
    name = b'{"d": "'
    # The fields of a node in another order than Keras writes them: 4 identifier, 3 path, 5 metadata.
    node = b"\x22\x0f_tf_keras_layer\x1a" + bytes([len(name)]) + name
    node += b"\x2a" + bytes([5000 & 127 | 128, 5000 >> 7]) + metadata.encode()
    (tmp_path / "keras_metadata.pb").write_bytes(b"\x0a" + bytes([len(node) & 127 | 128, len(node) >> 7]) + node)
    config = detect.model_config(tmp_path, format="keras2_saved_model")
    assert config == [json.loads(text)]
    assert detect.code_places(config) == ["a Lambda layer (a)"]
