from collections.abc import Callable
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from pipeline.micro import operator_comparison, tflm
from pipeline.tflite import flatbuffer
from tests.faults import edited
from tests.micro.conftest import File


def _known(ran: bytes, file: File) -> dict[int, np.ndarray]:
    inputs = file.inputs(2)
    ends = flatbuffer.read(file.model).subgraphs[0].inputs
    given = dict(zip(ends, (array[:, None] for array in inputs), strict=True))
    return given | tflm.tensors(ran, inputs, operator_comparison.kept(file.model))


def test_operators_of_a_sound_file_differ_by_a_rounding_at_most(digits_file: Callable[[str], File]) -> None:
    for variant in ("int8", "int16x8", "float32"):
        file = digits_file(variant)
        rows, compared, left = operator_comparison.differing(file.model, _known(file.model, file))
        assert (compared, left) == (8, [])
        assert all(row.passed for row in rows), variant
        assert all(row.largest == 1 for row in rows if row.unit == "steps")


def _average(content: Any) -> None:
    for code in content.operatorCodes:
        if code.builtinCode == schema.BuiltinOperator.MAX_POOL_2D:
            code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.AVERAGE_POOL_2D


def test_another_kernel_is_seen_where_it_is_and_nowhere_else(digits_file: Callable[[str], File]) -> None:
    for variant in ("int8", "int16x8", "float32"):
        file = digits_file(variant)
        rows, _, _ = operator_comparison.differing(file.model, _known(edited(file.model, _average), file))
        assert {row.operator for row in rows if not row.passed} == {"MAX_POOL_2D"}, variant


def test_a_kernel_that_is_more_exact_than_litert_is_no_fault(small: Callable[[str, str | None], File]) -> None:
    """LiteRT's RSQRT of int16 reads a table; far from it is not far from what it should be."""
    file = small("normalised", "static_wi8_ai16")
    rows, _, _ = operator_comparison.differing(file.model, _known(file.model, file))
    far = [row for row in rows if row.largest > 1]
    assert [(row.operator, row.passed) for row in far] == [("RSQRT", True)]


def test_an_operator_that_cannot_be_known_is_named(digits_file: Callable[[str], File]) -> None:
    file = digits_file("int8")
    known = _known(file.model, file)
    del known[flatbuffer.read(file.model).operators[0].outputs[0]]
    _, compared, left = operator_comparison.differing(file.model, known)
    assert (compared, left) == (6, ["0 CONV_2D", "1 DEPTHWISE_CONV_2D"])
