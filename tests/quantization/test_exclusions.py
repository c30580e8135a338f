import pytest

from pipeline.errors import UserError
from pipeline.quantization import exclusions
from pipeline.tflite.layers_record import OperatorLayers

ROWS = [
    OperatorLayers(operator="CONV_2D", tensor="a", layers=["stem/conv", "stem/relu"]),
    OperatorLayers(operator="DEPTHWISE_CONV_2D", tensor="b", layers=["block/conv"]),
    OperatorLayers(operator="CONV_2D", tensor="c", layers=["head"]),
    OperatorLayers(operator="SOFTMAX", tensor="d", layers=[]),
]


@pytest.mark.parametrize(
    ("names", "found"),
    [
        ([], []),
        (["CONV_2D"], ["a", "c"]),
        (["head"], ["c"]),
        (["stem/conv"], ["a"]),
        (["conv"], ["a", "b"]),
        (["relu", "CONV_2D"], ["a", "c"]),
        (["SOFTMAX", "head"], ["d", "c"]),
    ],
)
def test_layers_by_path_or_last_part_and_operators_by_type(names: list[str], found: list[str]) -> None:
    assert exclusions.tensors(ROWS, names, where="here") == found


@pytest.mark.parametrize(
    ("name", "near"), [("haed", "head"), ("CONV2D", "CONV_2D"), ("softmax", "SOFTMAX"), ("stem/convv", "stem/conv")]
)
def test_a_name_that_matches_nothing_lists_near_ones(name: str, near: str) -> None:
    with pytest.raises(
        UserError, match=f"here: '{name}' is no layer that an operator carries and no operator type; did you mean .*{near}"
    ):
        exclusions.tensors(ROWS, [name], where="here")


def test_a_name_like_nothing_lists_what_there_is() -> None:
    with pytest.raises(UserError, match="did you mean CONV_2D, DEPTHWISE_CONV_2D, SOFTMAX, block/conv, head"):
        exclusions.tensors(ROWS, ["zzzzz"], where="here")
