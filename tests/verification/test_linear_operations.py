import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pipeline.verification import constant_folding, linear_operations
from pipeline.verification.rounded_arithmetic import UNIT
from tests.graphs import node, normalised, variable

FLOATS = hnp.arrays(np.float32, 4, elements=st.floats(0.25, 4, width=32))


@given(gamma=FLOATS, beta=FLOATS, mean=FLOATS, variance=FLOATS, bias=FLOATS)
def test_batch_normalisation_folds_into_kernel_and_bias(
    gamma: np.ndarray, beta: np.ndarray, mean: np.ndarray, variance: np.ndarray, bias: np.ndarray
) -> None:
    kernel = np.arange(12, dtype=np.float32).reshape(3, 4)
    weights = {"kernel": kernel, "gamma": gamma, "beta": beta, "mean": mean, "variance": variance, "bias": bias}
    nodes = normalised(bias=True)
    known = constant_folding.evaluate(nodes, {"epsilon": np.array(1e-3, np.float32)}, weights)
    linear = next(iter(linear_operations.linears(nodes, known)))
    way = max(linear.after, key=lambda way: len(way.operations))
    compute, folded_bias = linear_operations.folded(linear, linear.before[0], way)
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
    assert np.all(np.abs(single - folded_bias.value) <= folded_bias.error + UNIT * np.abs(folded_bias.value))
    assert folded_bias.variables == {"gamma", "beta", "mean", "variance", "bias"}


def test_another_epsilon_lies_far_outside_the_bound() -> None:
    nodes = normalised(bias=False)
    ones = np.ones(4, np.float32)
    weights = {"kernel": np.ones((3, 4), np.float32), **dict.fromkeys(("gamma", "beta", "mean", "variance", "bias"), ones)}
    results = []
    for epsilon in (1e-3, 2e-3):
        known = constant_folding.evaluate(nodes, {"epsilon": np.array(epsilon, np.float32)}, weights)
        linear = linear_operations.linears(nodes, known)[0]
        results.append(linear_operations.folded(linear, linear.before[0], linear.after[1])[0]())
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
    linear = linear_operations.linears(nodes, constant_folding.evaluate(nodes, {}, weights))[0]
    compute, bias = linear_operations.folded(linear, linear.before[-1], linear.after[0])
    x = rng.normal(size=(5, 3))
    expected = (x * weights["scale"] + weights["shift"]).astype(np.float64) @ weights["kernel"].astype(np.float64)
    np.testing.assert_allclose(x @ compute().value + bias.value, expected, rtol=1e-6)
