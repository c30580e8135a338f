import numpy as np

from pipeline.verification import constant_folding
from tests.graphs import node, variable


def test_what_only_moves_stays_exact() -> None:
    nodes = [
        variable("w"),
        node("shape", "Const"),
        node("y", "Reshape", "w", "shape"),
        node("axes", "Const"),
        node("z", "Transpose", "y", "axes"),
    ]
    w = np.arange(6, dtype=np.float32)
    found = constant_folding.evaluate(nodes, {"shape": np.array([2, 3]), "axes": np.array([1, 0])}, {"w": w})["z:0"]
    np.testing.assert_array_equal(found.value, w.reshape(2, 3).T)
    assert not np.any(found.error)
    assert found.variables == {"w"}


def test_gates_split_and_join() -> None:
    split = {**node("parts", "Split", "axis", "w"), "attributes": {"num_split": 2}}
    join = {"name": "y", "op": "ConcatV2", "inputs": ["parts:1", "parts:0", "axis:0"], "attributes": {}}
    nodes = [variable("w"), node("axis", "Const"), split, join]
    found = constant_folding.evaluate(nodes, {"axis": np.array(1)}, {"w": np.arange(8, dtype=np.float32).reshape(2, 4)})
    np.testing.assert_array_equal(found["y:0"].value, [[2, 3, 0, 1], [6, 7, 4, 5]])


def test_an_operation_it_does_not_know_is_left_out() -> None:
    nodes = [variable("w"), node("y", "Digamma", "w"), node("z", "Neg", "y")]
    assert set(constant_folding.evaluate(nodes, {}, {"w": np.ones(2, np.float32)})) == {"w:0"}
