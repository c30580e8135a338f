"""A bias that the network has not, and options of quantized operators."""

from collections.abc import Callable
from functools import partial
from typing import Any

import keras
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from pipeline.runtime import interpreter
from pipeline.tflite import flatbuffer
from pipeline.verification import operator_inputs
from tests import certified, faults
from tests.made import Made, certify, converted, litert, make


def biased(content: Any, value: float) -> None:
    """A float bias for the first dense operator without one."""
    graph = content.subgraphs[0]
    operator = next(o for o in faults.operators(content, "FULLY_CONNECTED") if len(o.inputs) < 3 or o.inputs[2] < 0)
    width = int(faults.output_of(content, operator).shape[-1])
    content.buffers.append(schema.BufferT(data=np.full(width, value, np.float32).view(np.uint8)))
    graph.tensors.append(schema.TensorT(shape=np.array([width], np.int32), type=0, name="bias", buffer=len(content.buffers) - 1))
    operator.inputs = np.array([*operator.inputs[:2], len(graph.tensors) - 1], np.int32)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A dense layer without a bias."""
    x = keras.Input((48,), name="x")
    y = keras.layers.Dense(32, use_bias=False, name="bare")(x)
    model = keras.Model(x, keras.layers.Dense(32, activation="relu", name="out")(y), name="plain")
    return make(certified.randomised(model), tmp_path_factory.mktemp("plain") / "source")


@pytest.mark.parametrize("scheme", ["float32", "dynamic_wi8_afp32"])
def test_a_bias_that_the_network_has_not(plain: Made, scheme: str) -> None:
    made, sound = plain, plain.float32 if scheme == "float32" else litert(plain, scheme)
    wrong = faults.edited(sound, lambda content: biased(content, 0.5))
    one, other = (interpreter.predict(model, made.samples, workers=1)["out"] for model in (sound, wrong))
    assert np.abs(one - other).max() > 1e-3
    report = certify(made, wrong, None, None)
    assert any("has a bias that the network has not: at [0] found 0.5" in fault["reason"] for fault in report["faults"])
    # Zeros change nothing.
    assert certify(made, faults.edited(sound, lambda content: biased(content, 0.0)), None, None)["passed"]


def asymmetric(content: Any, number: int, value: bool) -> None:
    faults.operators(content, "FULLY_CONNECTED")[number].builtinOptions.asymmetricQuantizeInputs = value


def test_how_data_is_quantized_is_one_way_in_a_file(nets: Callable[[str], Made], files: Callable[[str, str], bytes]) -> None:
    made = nets("wide")
    for sound, other in ((files("wide", "dynamic_wi8_afp32"), True), (converted(made, "dynamic_wi8_afp32"), False)):
        assert certify(made, sound, None, None)["passed"]
        report = certify(made, faults.edited(sound, partial(asymmetric, number=1, value=other)), None, None)
        assert [fault["layers"][:1] for fault in report["faults"]] == [["two"]]
        assert f"asymmetricQuantizeInputs is {other}" in report["faults"][0]["reason"]
    for scheme in ("float32", "static_wi8_ai8"):
        report = certify(made, faults.edited(files("wide", scheme), lambda content: asymmetric(content, 1, True)), None, None)
        assert any("which is for float data with integer weights" in fault["reason"] for fault in report["faults"])


@pytest.mark.parametrize(
    ("scheme", "said", "passes"), [("static_wi8_ai8", 2, True), ("static_wi8_ai8", 4, False), ("float32", 2, False)]
)
def test_the_dtype_of_the_bias(
    nets: Callable[[str], Made], files: Callable[[str, str], bytes], scheme: str, said: int, passes: bool
) -> None:
    def edit(content: Any) -> None:
        faults.operators(content, "FULLY_CONNECTED")[0].builtinOptions.quantizedBiasType = said

    assert certify(nets("wide"), faults.edited(files("wide", scheme), edit), None, None)["passed"] == passes


def test_who_made_a_file_tells_how_data_is_quantized(nets: Callable[[str], Made], files: Callable[[str, str], bytes]) -> None:
    sound = flatbuffer.read(files("wide", "dynamic_wi8_afp32"))
    assert list(operator_inputs.options(sound, "litert")) == []
    reasons = [reason for _, reason in operator_inputs.options(sound, "converter")]
    assert set(reasons) == {"asymmetricQuantizeInputs is False; the converter writes True"}
    assert not list(operator_inputs.options(flatbuffer.read(converted(nets("wide"), "dynamic_wi8_afp32")), "converter"))


def test_the_option_of_a_single_operator_is_said_not_to_be_compared(plain: Made) -> None:
    def edit(content: Any) -> None:
        asymmetric(content, 0, True)
        # The other dense layer computes in float.
        graph = content.subgraphs[0]
        operator = faults.operators(content, "FULLY_CONNECTED")[1]
        kernel = graph.tensors[operator.inputs[1]]
        values = np.zeros(tuple(kernel.shape), np.float32)
        content.buffers[kernel.buffer].data = values.view(np.uint8).ravel()
        kernel.type, kernel.quantization = schema.TensorType.FLOAT32, None

    found = flatbuffer.read(faults.edited(litert(plain, "dynamic_wi8_afp32"), edit))
    assert list(operator_inputs.options(found)) == []
    (line,) = operator_inputs.undecided(found, None)
    assert line.endswith("not compared")
    assert list(operator_inputs.undecided(found, "litert")) == []
    ((place, _),) = operator_inputs.options(found, "litert")
    assert place == (0, 0)
