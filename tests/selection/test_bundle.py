import hashlib
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pipeline import files, paths
from pipeline.selection import bundle
from pipeline.selection.provenance_record import Calibrate, Convert, Data, Model, Provenance, Set, Variant
from pipeline.tflite import flatbuffer
from tests import records


def test_a_set_of_samples_is_named_by_the_hashes_of_its_samples_in_order() -> None:
    found = bundle.sample_sets(records.split(evaluation=("a", "b")))
    assert found["evaluation"] == Set(n=2, sha256=hashlib.sha256(b"a\nb").hexdigest())
    assert found["tuning"] == Set(n=0, sha256=hashlib.sha256(b"").hexdigest())
    assert found != bundle.sample_sets(records.split(evaluation=("b", "a")))


ORIGIN = Provenance(
    file_sha256="ff",
    model=Model(name="m", path="m.keras", sha256="mm"),
    data=Data(name="d", preprocess=[], sets={}),
    convert=Convert(batch=1, select_tf_ops=False, custom_ops=False),
    calibrate=Calibrate(samples=5, method="min_max", bins=2048, percentile=99.99),
    variant=Variant(
        name="v",
        engine="litert",
        scheme="float16",
        algorithm="none",
        granularity="none",
        io_dtype="float32",
        exclude=[],
        samples=None,
        search=None,
    ),
    versions={"numpy": "2"},
    seed=3,
)


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
    given: dict[str, Any] = {"origin": ORIGIN, "card": "# card\n", "main": None}
    assert bundle.contents(b"m", classes=["ä", "b"], **given)["labels.txt"] == "ä\nb\n".encode()
    without = bundle.contents(b"m", classes=None, **given)
    assert "labels.txt" not in without
    assert without["model.tflite"] == b"m"
    assert msgspec.json.decode(without["provenance.json"], type=Provenance) == ORIGIN
