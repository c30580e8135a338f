from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

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


@pytest.mark.parametrize(("op", "reduce"), [("Max", np.max), ("Min", np.min), ("Sum", np.sum), ("Mean", np.mean)])
@pytest.mark.parametrize("keep", [False, True])
def test_reductions_in_float32_stay_within_the_bound(op: str, reduce: Callable[..., Any], keep: bool) -> None:
    """Ends of ranges of fake quantization are computed so: the largest magnitude of each channel of a kernel."""
    w = np.random.default_rng(0).normal(size=(3, 3, 8, 4)).astype(np.float32)
    nodes = [variable("w"), node("axes", "Const"), {**node("y", op, "w", "axes"), "attributes": {"keep_dims": keep}}]
    found = constant_folding.evaluate(nodes, {"axes": np.array([0, 1, 2])}, {"w": w})["y:0"]
    single = reduce(w, axis=(0, 1, 2), keepdims=keep)
    assert found.value.shape == single.shape
    assert np.all(np.abs(found.value - single) <= found.error + 1e-30)
    if op in ("Max", "Min"):
        np.testing.assert_array_equal(found.value, single)
        assert not np.any(found.error)
