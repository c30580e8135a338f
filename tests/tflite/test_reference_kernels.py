from pathlib import Path

import pytest

from pipeline import files, paths
from pipeline.tflite import flatbuffer, reference_kernels
from pipeline.tflite.flatbuffer import Tensor
from tests.graphs import graph, tensor

INT16, WEIGHTS = tensor((1, 4, 4, 2), "int16"), tensor((8, 3, 3, 2), "int8")


def test_of_the_shipped_example(finished: Path) -> None:
    read = {
        name: flatbuffer.read(files.read_bytes(finished / paths.variant_model(name))) for name in ("float32", "int8", "int16x8")
    }
    found = reference_kernels.reference_only(read["int16x8"])
    assert found["operators"] == {"CONV_2D": 2, "DEPTHWISE_CONV_2D": 1, "FULLY_CONNECTED": 2}
    assert "XNNPACK has no such kernels" in found["reason"]
    assert reference_kernels.reference_only(read["int8"]) == {"operators": {}, "reason": None}
    assert reference_kernels.float_tensors(read["int8"]) == []
    assert len(reference_kernels.float_tensors(read["float32"])) > 5
    assert reference_kernels.operators(read["int8"])["CONV_2D"] == 2


@pytest.mark.parametrize(
    ("name", "inputs", "slow"),
    [
        ("CONV_2D", [INT16, WEIGHTS, tensor((8,), "int64")], True),
        ("CONV_2D", [INT16, WEIGHTS, None], True),
        ("CONV_2D", [INT16, WEIGHTS, tensor((8,), "int32")], False),
        ("CONV_2D", [tensor((1, 4, 4, 2), "int8"), WEIGHTS, tensor((8,), "int32")], False),
        ("FULLY_CONNECTED", [INT16, WEIGHTS, tensor((8,), "int32")], True),
        ("TRANSPOSE_CONV", [tensor((4,), "int32"), WEIGHTS, INT16], True),
        ("ADD", [INT16, INT16], False),
    ],
)
def test_int16_runs_on_reference_kernels_where_litert_has_no_others(name: str, inputs: list[Tensor | None], slow: bool) -> None:
    assert reference_kernels.reference_only(graph(name, inputs, INT16))["operators"] == ({name: 1} if slow else {})
