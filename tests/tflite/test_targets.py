from pathlib import Path

import pytest

from pipeline import files, paths
from pipeline.tflite import flatbuffer
from pipeline.tflite.targets import TARGETS
from tests.graphs import graph, tensor


@pytest.mark.parametrize(
    ("variant", "reasons"),
    [
        ("float32", []),
        ("int8", []),
        ("int16x8", []),
        ("float16", ["no float16"]),
        ("dynamic_int8", ["no kernels for integer weights with float activations (dynamic range)"]),
    ],
)
def test_what_tflite_micro_can_run(finished: Path, variant: str, reasons: list[str]) -> None:
    assert TARGETS["tflite_micro"](flatbuffer.read(files.read_bytes(finished / paths.variant_model(variant)))) == reasons


def test_an_operator_it_does_not_have_is_named() -> None:
    assert TARGETS["tflite_micro"](graph("RFFT2D", [tensor((1, 8))], tensor((1, 5)))) == ["no operator RFFT2D"]


def test_weights_that_are_only_looked_up_are_not_computed_with() -> None:
    found = graph("EMBEDDING_LOOKUP", [tensor((3,), "int32"), tensor((50, 8), "int8", constant=True)], tensor((3, 8)))
    assert TARGETS["tflite_micro"](found) == []
    weights = tensor((7, 2, 2, 3), "int8", constant=True)
    hybrid = graph("TRANSPOSE_CONV", [tensor((4,), "int32"), weights, tensor((1, 4, 4, 3))], tensor((1, 8, 8, 7)))
    assert TARGETS["tflite_micro"](hybrid) == ["no kernels for integer weights with float activations (dynamic range)"]
