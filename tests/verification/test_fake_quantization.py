from typing import Any

import numpy as np
import pytest

from pipeline.source.tensorflow_setup import tf
from pipeline.verification import fake_quantization
from pipeline.verification.rounded_arithmetic import Constant
from tests.graphs import chain, tensor


def node(name: str, inputs: list[str], op: str = "FakeQuantWithMinMaxVars", **attributes: Any) -> dict[str, Any]:
    return {"name": name, "op": op, "inputs": inputs, "attributes": {"num_bits": 8, "narrow_range": False, **attributes}}


@pytest.mark.parametrize("bits", [4, 8])
@pytest.mark.parametrize("narrow", [False, True])
@pytest.mark.parametrize("ends", [(-1.0, 1.0), (0.0, 6.0), (-0.3, 2.7), (-7.0, 0.0), (0.5, 2.0), (-3.0, -1.0)])
def test_the_format_is_how_tensorflow_rounds(ends: tuple[float, float], narrow: bool, bits: int) -> None:
    """Zero is a code, and what TensorFlow makes of many values are all the codes."""
    low, high = np.float32(ends[0]), np.float32(ends[1])
    form = fake_quantization.parameters(np.asarray(low), np.asarray(high), bits=bits, narrow=narrow)
    values = np.linspace(low - 1, high + 1, 20001, dtype=np.float32)
    made = np.unique(tf.quantization.fake_quant_with_min_max_vars(values, low, high, num_bits=bits, narrow_range=narrow).numpy())
    codes = np.arange(int(narrow), 2**bits) - form.zero_points[0]
    np.testing.assert_allclose(made, codes * form.scales[0], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("by_channel", [False, True])
def test_a_rounded_constant_lies_within_its_bound_of_tensorflows(by_channel: bool) -> None:
    rng = np.random.default_rng(0)
    value = rng.normal(size=(300, 40)).astype(np.float32)
    # Ties, too: float32 decides about them.
    value[:10] = np.rint(value[:10] * 50) / 50
    most = np.abs(value).max(0) * np.float32(0.9) if by_channel else np.float32(1.0)
    name = "fake_quant_with_min_max_vars" + ("_per_channel" if by_channel else "")
    expected = getattr(tf.quantization, name)(value, -most, most, narrow_range=True).numpy()
    inputs = [Constant(value=value.astype(np.float64)), Constant(value=-np.asarray(most)), Constant(value=np.asarray(most))]
    found, error = fake_quantization.rounded(node("n", [], narrow_range=True), inputs)
    assert (np.abs(found - expected) <= error).all()
    assert (error < 1e-3).mean() > 0.98


def test_an_empty_range_makes_zeros() -> None:
    zero = Constant(value=np.zeros((), np.float32))
    found, _ = fake_quantization.rounded(node("n", []), [Constant(value=np.ones(3)), zero, zero])
    assert found.tolist() == [0, 0, 0]


def variable(path: str) -> dict[str, Any]:
    return {"name": path, "op": "Variable", "path": path, "inputs": [], "attributes": {}}


def test_variables_that_are_only_ranges() -> None:
    nodes = [
        *(variable(path) for path in ("low", "most", "both", "kernel")),
        {"name": "least", "op": "Neg", "inputs": ["most:0"], "attributes": {}},
        node("first", ["x:0", "low:0", "both:0"]),
        node("second", ["kernel:0", "least:0", "most:0"]),
        {"name": "add", "op": "AddV2", "inputs": ["x:0", "both:0"], "attributes": {}},
    ]
    assert fake_quantization.ranges(nodes) == {"low", "most"}


def test_rounding_that_the_float32_file_lacks() -> None:
    known = {"low:0": Constant(value=np.float32(-1) * np.ones(())), "high:0": Constant(value=np.ones(()))}
    nodes = [node("round", ["x:0", "low:0", "high:0"])]
    (missing,) = fake_quantization.unexplained(nodes, known, chain("ADD", "TANH"))
    assert missing == (
        None,
        "the network rounds values to scale 0.00784313725, zero point 127 of 8 bits (round), and no operator does",
    )
    assert not list(fake_quantization.unexplained([], known, chain("ADD", "TANH")))


@pytest.mark.parametrize("trained", [True, False])
def test_a_constant_that_the_float32_file_rounds_is_one_that_the_network_rounds(trained: bool) -> None:
    """It need not be rounded: the converter may have stored it so. Nothing else may round it."""
    graph = chain("QUANTIZE", "DEQUANTIZE")
    graph.tensors[0] = tensor((1,), constant=True)
    graph.tensors[1] = tensor((1,), "int8", scale=1 / 255)
    nodes = [node("round", ["kernel:0", "low:0", "high:0"])]
    known = {"low:0": Constant(value=np.zeros(())), "high:0": Constant(value=np.full((), 1.0 if trained else 1.1))}
    known["kernel:0"] = Constant(value=np.ones(1))
    found = [reason for _, reason in fake_quantization.unexplained(nodes, known, graph)]
    assert (
        found == []
        if trained
        else found == ["scale 0.00392156886, zero point 0 of 8 bits: no fake quantization of the network asks for it"]
    )
    assert not list(fake_quantization.unexplained(nodes, known, chain("ADD", "TANH")))
