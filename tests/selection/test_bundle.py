import hashlib
from pathlib import Path
from typing import Any

import pytest

from pipeline import files, paths
from pipeline.selection import bundle
from pipeline.tflite import flatbuffer

SETTINGS: dict[str, Any] = {
    "model": {"name": "m", "path": "m.keras", "batch": 1},
    "data": {"name": "d", "preprocess": [{"name": "cast", "options": {}}], "classes": None},
    "convert": {"batch": 1},
    "calibrate": {"samples": 5, "method": "min_max"},
    "variant": {"engine": "litert", "reads": {"network": "x"}},
    "versions": {"numpy": "2"},
    "seed": 3,
}


def split(*hashes: str) -> dict[str, Any]:
    return {"sets": {"evaluation": {"n": len(hashes), "samples": [{"id": name, "sha256": name} for name in hashes]}}}


def test_provenance_names_what_the_file_was_made_from_by_hash() -> None:
    origin = bundle.provenance(SETTINGS, "int8", split("a", "b"), model_sha256="mm", file_sha256="ff")
    assert origin["data"]["sets"]["evaluation"] == {"n": 2, "sha256": hashlib.sha256(b"a\nb").hexdigest()}
    assert origin["model"] == {"name": "m", "path": "m.keras", "sha256": "mm"}
    assert origin["variant"] == {"name": "int8", "engine": "litert"}
    other = bundle.provenance(SETTINGS, "int8", split("a", "c"), model_sha256="mm", file_sha256="ff")
    assert other["data"]["sets"] != origin["data"]["sets"]


@pytest.mark.parametrize(("variant", "dtype", "scaled"), [("float32", "float32", False), ("int8", "int8", True)])
def test_inputs_and_outputs_of_the_file(finished: Path, variant: str, dtype: str, scaled: bool) -> None:
    rows = bundle.io_tensors(flatbuffer.read(files.read_bytes(finished / paths.variant_model(variant))))
    assert [(row["direction"], row["name"], row["shape"], row["dtype"]) for row in rows] == [
        ("input", "image", [1, 8, 8, 1], dtype),
        ("output", "probabilities", [1, 10], dtype),
    ]
    assert all((row["scale"] is not None) == scaled for row in rows)
    if scaled:
        # TFLite's int8 softmax has the fixed scale 1/256 and zero point -128.
        assert (rows[1]["scale"], rows[1]["zero_point"]) == (1 / 256, -128)


def test_labels_ship_only_when_there_are_classes() -> None:
    given: dict[str, Any] = {"origin": {}, "card": "# card\n"}
    assert bundle.contents(b"m", classes=["ä", "b"], **given)["labels.txt"] == "ä\nb\n".encode()
    without = bundle.contents(b"m", classes=None, **given)
    assert "labels.txt" not in without
    assert without["model.tflite"] == b"m"
