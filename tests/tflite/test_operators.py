"""The table against those who have the say: LiteRT's schema and the quantizer's own maps."""

import ast

import pytest
from ai_edge_litert.schema_py_generated import BuiltinOperator
from litert_quantizer.qtyping import TFLOperationName
from litert_quantizer.utils import tfl_flatbuffer_utils

from pipeline.tflite import operators
from tests.helpers import ROOT

CODES = {name: code for name, code in vars(BuiltinOperator).items() if not name.startswith("_")}
NAMES = {code: name for name, code in CODES.items()}
THEIRS = {called.value: NAMES[code] for called, code in tfl_flatbuffer_utils.TFL_OP_NAME_TO_CODE.items()}
# Rules for all operators, for the network's ends, and for operators that a file names itself.
NO_BUILTIN = {"*", "INPUT", "OUTPUT", "CUSTOM_OP"}


def test_each_row_is_an_operator_of_the_schema_and_there_once() -> None:
    assert len(operators.OPERATORS) == len(operators._ROWS)
    assert set(operators.OPERATORS) <= set(CODES)


def test_the_quantizer_s_names_are_those_of_its_own_map() -> None:
    """Both ways: every operator that it knows has its row, and no row claims another."""
    assert {row.quantizer: row.name for row in operators.OPERATORS.values() if row.quantizer} == THEIRS
    assert {called.value for called in TFLOperationName} == {*THEIRS, *NO_BUILTIN}


def test_axes_of_kernels_are_the_quantizer_s() -> None:
    theirs = {THEIRS[called.value]: axis for called, axis in tfl_flatbuffer_utils.TFL_OP_TO_WEIGHT_QUANTIZED_DIM.items()}
    assert theirs == {
        name: operators.of(name).axis for name in operators.QUANTIZABLE_WEIGHTS if operators.of(name).axis is not None
    }


def test_rows_are_consistent() -> None:
    for row in operators.OPERATORS.values():
        slots = [row.data, row.kernel, row.bias, *row.structure] if row.kernel is not None else [row.data]
        assert len(set(slots)) == len(slots), f"{row.name}: two things in one slot"
        assert sorted(row.layout) == list(range(len(row.layout))), row.name
        assert row.moves + row.joins + row.shares <= 1, row.name
        assert row.macs in (None, operators.PER_OUTPUT, operators.PER_INPUT, operators.PER_PRODUCT, operators.PER_STEP)
        if row.name in operators.LINEAR:
            assert row.macs is not None, f"{row.name}: a kernel that nothing is multiplied with"
            assert row.axis is not None, row.name
            assert len(row.layout) > row.axis, row.name


def test_transposed_convolutions_in_three_dimensions_are_known_to_all() -> None:
    assert operators.LINEAR["CONV_3D_TRANSPOSE"] == operators.Linear(kernel=1, bias=3, data=2, layout=(0, 1, 2, 3, 4))


def test_what_is_nowhere_special_says_nothing() -> None:
    row = operators.of("MyCustomOp")
    assert (row.kernel, row.macs, row.quantizer, row.converts) == (None, None, None, False)
    assert operators.of("CONV_2D_TRANSPOSE") is row  # the quantizer's dialect is not ours


@pytest.mark.parametrize("path", sorted((ROOT / "pipeline").rglob("*.py")), ids=lambda path: path.stem)
def test_nobody_else_speaks_the_quantizer_s_dialect(path: object) -> None:
    dialect = set(THEIRS) - set(CODES)
    assert dialect == {"CONV_2D_TRANSPOSE"}
    if path == ROOT / "pipeline" / "tflite" / "operators.py":
        return
    tree = ast.parse(path.read_text(encoding="utf-8"))  # type: ignore[attr-defined]
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.Constant) and node.value in dialect]
