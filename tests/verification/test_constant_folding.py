from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pipeline.verification import constant_folding

FLOATS = hnp.arrays(np.float32, 4, elements=st.floats(0.25, 4, width=32))


def node(name: str, op: str, *inputs: str, **attributes: object) -> dict[str, Any]:
    return {"name": name, "op": op, "inputs": [f"{entry}:0" for entry in inputs], "attributes": attributes}


def variable(name: str) -> dict[str, Any]:
    return {**node(name, "Variable"), "path": name}


def normalised(*, bias: bool) -> list[dict[str, Any]]:
    """x * kernel (+ bias), batch normalisation as Keras 3 writes it."""
    names = ("kernel", "gamma", "beta", "mean", "variance", "bias")
    linear = "biased" if bias else "linear"
    return [
        node("x", "Placeholder"),
        *map(variable, names),
        node("epsilon", "Const"),
        node("linear", "MatMul", "x", "kernel"),
        *([node("biased", "BiasAdd", "linear", "bias")] if bias else []),
        node("shifted", "AddV2", "variance", "epsilon"),
        node("root", "Rsqrt", "shifted"),
        node("scale", "Mul", "root", "gamma"),
        node("scaled", "Mul", linear, "scale"),
        node("carried", "Mul", "mean", "scale"),
        node("offset", "Sub", "beta", "carried"),
        node("y", "AddV2", "scaled", "offset"),
    ]


@given(gamma=FLOATS, beta=FLOATS, mean=FLOATS, variance=FLOATS, bias=FLOATS)
def test_batch_normalisation_folds_into_kernel_and_bias(
    gamma: np.ndarray, beta: np.ndarray, mean: np.ndarray, variance: np.ndarray, bias: np.ndarray
) -> None:
    kernel = np.arange(12, dtype=np.float32).reshape(3, 4)
    weights = {"kernel": kernel, "gamma": gamma, "beta": beta, "mean": mean, "variance": variance, "bias": bias}
    nodes = normalised(bias=True)
    known = constant_folding.evaluate(nodes, {"epsilon": np.array(1e-3, np.float32)}, weights)
    linear = next(iter(constant_folding.linears(nodes, known)))
    way = max(linear.after, key=lambda way: len(way.steps))
    compute, folded_bias = constant_folding.folded(linear, linear.before[0], way)
    # The definition: y = (x kernel + bias - mean) / sqrt(variance + epsilon) * gamma + beta, evaluated at 0 and at unit vectors.
    epsilon = float(np.float32(1e-3))

    def network(x: np.ndarray) -> np.ndarray:
        wide = {name: value.astype(np.float64) for name, value in weights.items()}
        y = x @ wide["kernel"] + wide["bias"] - wide["mean"]
        return y / np.sqrt(wide["variance"] + epsilon) * wide["gamma"] + wide["beta"]

    zero = network(np.zeros(3))
    np.testing.assert_allclose(folded_bias.value, zero, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(compute().value, network(np.eye(3)) - zero, rtol=1e-9, atol=1e-12)
    # float32 arithmetic, in the order of the graph, stays within the bound that is claimed for it.
    root = (1 / np.sqrt(variance + np.float32(1e-3))).astype(np.float32)
    scale = root * gamma
    single = bias * scale + (beta - mean * scale)
    assert np.all(np.abs(single - folded_bias.value) <= folded_bias.error + constant_folding.UNIT * np.abs(folded_bias.value))
    assert folded_bias.variables == {"gamma", "beta", "mean", "variance", "bias"}


def test_another_epsilon_lies_far_outside_the_bound() -> None:
    nodes = normalised(bias=False)
    ones = np.ones(4, np.float32)
    weights = {"kernel": np.ones((3, 4), np.float32), **dict.fromkeys(("gamma", "beta", "mean", "variance", "bias"), ones)}
    results = []
    for epsilon in (1e-3, 2e-3):
        known = constant_folding.evaluate(nodes, {"epsilon": np.array(epsilon, np.float32)}, weights)
        linear = constant_folding.linears(nodes, known)[0]
        results.append(constant_folding.folded(linear, linear.before[0], linear.after[1])[0]())
    assert np.all(np.abs(results[0].value - results[1].value) > 100 * results[0].error)


def test_what_stands_before_a_matrix_moves_into_it() -> None:
    nodes = [
        node("x", "Placeholder"),
        *map(variable, ("scale", "shift", "kernel")),
        node("scaled", "Mul", "x", "scale"),
        node("shifted", "AddV2", "scaled", "shift"),
        node("y", "MatMul", "shifted", "kernel"),
    ]
    rng = np.random.default_rng(0)
    weights = {name: rng.normal(size=shape).astype(np.float32) for name, shape in (("scale", 3), ("shift", 3), ("kernel", (3, 2)))}
    linear = constant_folding.linears(nodes, constant_folding.evaluate(nodes, {}, weights))[0]
    compute, bias = constant_folding.folded(linear, linear.before[-1], linear.after[0])
    x = rng.normal(size=(5, 3))
    expected = (x * weights["scale"] + weights["shift"]).astype(np.float64) @ weights["kernel"].astype(np.float64)
    np.testing.assert_allclose(x @ compute().value + bias.value, expected, rtol=1e-6)


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


@pytest.mark.parametrize(("op", "expected"), [("RealDiv", 0.25), ("Mul", 4.0)])
def test_operands_and_their_reciprocals(op: str, expected: float) -> None:
    nodes = [node("x", "Placeholder"), node("c", "Const"), node("y", op, "x", "c")]
    rows = constant_folding.operands(nodes, constant_folding.evaluate(nodes, {"c": np.array(4, np.float32)}, {}))
    assert expected in {float(row.constant.value) for row in rows}
