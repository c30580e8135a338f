import numpy as np
import pytest

from pipeline.verification import constant_folding, operands
from tests.graphs import node


@pytest.mark.parametrize(("op", "expected"), [("RealDiv", 0.25), ("Mul", 4.0)])
def test_operands_and_their_reciprocals(op: str, expected: float) -> None:
    nodes = [node("x", "Placeholder"), node("c", "Const"), node("y", op, "x", "c")]
    rows = operands.operands(nodes, constant_folding.evaluate(nodes, {"c": np.array(4, np.float32)}, {}))
    assert expected in {float(row.constant.value) for row in rows}


def test_a_run_of_multiplications_is_merged() -> None:
    nodes = [
        node("x", "Placeholder"),
        node("two", "Const"),
        node("three", "Const"),
        node("once", "Mul", "x", "two"),
        node("again", "Mul", "once", "three"),
    ]
    constants = {"two": np.array([2.0], np.float32), "three": np.array([3.0], np.float32)}
    found = operands.operands(nodes, constant_folding.evaluate(nodes, constants, {}))
    merged = [row for row in found if row.operations == ("once", "again")]
    # Constants without variables or operations of their own are no explanation when merged.
    assert merged == []
    nodes[1] = {**nodes[1], "op": "Variable", "path": "two"}
    found = operands.operands(nodes, constant_folding.evaluate(nodes, constants, {"two": constants["two"]}))
    (merged_row,) = [row for row in found if row.operations == ("once", "again")]
    assert merged_row.constant.value == 6.0
    assert merged_row.constant.variables == {"two"}
