import pytest

from pipeline.errors import UserError
from pipeline.quantization import result
from pipeline.tflite import flatbuffer
from tests.networks import Measured

ROW = {
    "operator": "ELU",
    "tensor": "net/bend",
    "layers": ["bend"],
    "reason": "ai-edge-quantizer has no static_wi8_ai8 for ELU: float32",
}
PLAIN = {"operator": "CONV_2D", "tensor": "net/conv", "layers": [], "reason": ""}


def found(**changes: object) -> dict[str, object]:
    base = {
        "operators": [PLAIN],
        "constants": {"int8": 3, "int32": 2},
        "io_dtype": {"x": "int8", "y": "int8"},
        "float_operators": {},
        "integer_only": True,
    }
    return {**base, **changes}


@pytest.mark.parametrize(
    ("scheme", "io_dtype", "integer_only", "floats"),
    [
        ("static_wi8_ai8", "int8", True, {}),
        ("static_wi8_ai8", "uint8", True, {}),
        ("static_wi8_ai8", "float32", False, {}),
        (
            "dynamic_wi8_afp32",
            "float32",
            False,
            {"CONV_2D": 2, "DEPTHWISE_CONV_2D": 1, "MAX_POOL_2D": 1, "RESHAPE": 1, "FULLY_CONNECTED": 2, "SOFTMAX": 1},
        ),
    ],
)
def test_reads_the_finished_file(digits: Measured, scheme: str, io_dtype: str, integer_only: bool, floats: dict[str, int]) -> None:
    graph = flatbuffer.read(digits.quantized(scheme, "min_max", "channel", io_dtype))
    described = result.describe(graph, [PLAIN], io_dtype=io_dtype)
    assert described["integer_only"] is integer_only
    assert described["float_operators"] == floats
    assert described["io_dtype"] == {"image": io_dtype, "probabilities": io_dtype}
    assert described["constants"]["int8"] == 5
    assert described["operators"] == [PLAIN]


def test_a_boundary_that_could_not_be_had_is_an_error(digits: Measured) -> None:
    graph = flatbuffer.read(digits.model)
    with pytest.raises(
        UserError, match="io_dtype: int8 was asked for, but image is float32, probabilities is float32: its operator was kept"
    ):
        result.describe(graph, [], io_dtype="int8")


def test_a_file_that_changed_nothing_is_an_error_with_the_reasons() -> None:
    with pytest.raises(
        UserError,
        match=r"variants\.v: nothing was quantized: the file has no int4 constant, only int32, int8: ai-edge-quantizer has no",
    ):
        result.require_change(found(operators=[ROW]), "int4", where="variants.v")
    with pytest.raises(UserError, match="only float32; the network holds no operator that can be quantized so"):
        result.require_change(found(constants={"float32": 4}), "int8", where="variants.v")
    with pytest.raises(UserError, match="has no int4 or int8 or float16 constant"):
        result.require_change(found(constants={"float32": 4}), "any", where="variants.v")


@pytest.mark.parametrize("weights", ["int8", "any"])
def test_a_file_that_changed_passes(weights: str) -> None:
    result.require_change(found(), weights, where="variants.v")


def test_remarks_say_what_was_kept_and_what_that_means() -> None:
    assert result.remarks(found(), expected=True) == []
    other = {**ROW, "tensor": "net/again", "layers": []}
    lines = result.remarks(found(operators=[PLAIN, ROW, other], integer_only=False, float_operators={"ELU": 2}), expected=True)
    assert lines == [
        "ai-edge-quantizer has no static_wi8_ai8 for ELU: float32 (2: bend; net/again)",
        "not integer-only, although its inputs and outputs are: float tensors remain at 2 ELU",
    ]


def test_float_tensors_without_an_operator_are_shape_arithmetic() -> None:
    (line,) = result.remarks(found(integer_only=False), expected=True)
    assert line.endswith("float tensors remain at shape arithmetic")
    assert result.remarks(found(integer_only=False), expected=False) == []
