"""A network with one layer that int8 cannot hold: it is named, and keeping it in float helps."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from litert_quantizer import qtyping, quantizer
from litert_quantizer.algorithm_manager import AlgorithmName

from pipeline.runtime import interpreter
from pipeline.tflite import flatbuffer, operators
from pipeline.verification import divergence, expected_noise, fidelity, graph_alignment
from tests import certified, faults
from tests.made import Made, make


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Dense layers; in `two` one weight of each channel is 200 times the others, so that int8 rounds those to zero."""
    model = certified.randomised(certified.wide())
    one, two = model.get_layer("one"), model.get_layer("two")
    # What feeds the large weights is small, so that the others matter.
    factors = np.ones(64, np.float32)
    factors[0] = 200
    two.kernel.assign(two.kernel.numpy() * factors[:, None])
    one.kernel.assign(one.kernel.numpy() / factors)
    one.bias.assign(one.bias.numpy() / factors)
    return make(model, tmp_path_factory.mktemp("divergence") / "source")


def quantized(made: Made, excluded: list[str]) -> bytes:
    work = quantizer.Quantizer(bytearray(made.float32))
    work.add_dynamic_config(".*", qtyping.TFLOperationName.FULLY_CONNECTED, num_bits=8)
    for name in excluded:
        pattern = name.replace(".", "\\.")
        work.update_quantization_recipe(pattern, qtyping.TFLOperationName.FULLY_CONNECTED, algorithm_key=AlgorithmName.NO_QUANTIZE)
    result = work.quantize(None, enable_progress_bar=False, enable_progress_report=False).quantized_model
    assert result is not None
    return bytes(result)


def followed(made: Made, model: bytes) -> list[dict[str, object]]:
    samples = [{name: array[i : i + 1] for name, array in made.samples.items()} for i in range(4)]
    traces = [divergence.Trace(interpreter.trace(made.float32, sample), interpreter.trace(model, sample)) for sample in samples]
    return divergence.follow(made.proof.graph, flatbuffer.read(model), traces, made.proof.mapped.layers)


def sqnr(made: Made, model: bytes) -> float:
    reference, predicted = (
        interpreter.predict(made.float32, made.samples, workers=1),
        interpreter.predict(model, made.samples, workers=1),
    )
    found = fidelity.measure(reference["out"], predicted["out"])["sqnr_db"]
    assert found is not None
    return found


def test_the_layer_that_breaks_is_named_and_excluding_it_helps(made: Made) -> None:
    model = quantized(made, [])
    rows = followed(made, model)
    assert [row["layers"] for row in rows] == [["one"], ["two"], ["three"], ["out"]]
    first = divergence.first(rows, loss_db=6.0)
    assert first is not None
    assert first["layers"] == ["two"]
    named = divergence.exclude_first(rows, count=3)
    assert named[0]["layer"] == "two"
    assert len(named) == 3
    better = quantized(made, named[0]["tensors"])
    assert len(better) > len(model)
    assert sqnr(made, better) > sqnr(made, model) + 10
    # Another layer helps less.
    assert sqnr(made, quantized(made, named[2]["tensors"])) < sqnr(made, better)


def test_weight_and_activation_errors_are_told_apart(made: Made) -> None:
    rows = followed(made, quantized(made, []))
    assert all(row["activation_db"] is None for row in rows)  # activations stay in float
    assert all(row["weight_db"] is not None for row in rows)


def test_the_file_against_itself_has_no_error(made: Made) -> None:
    rows = followed(made, made.float32)
    assert all(row["sqnr_db"] is None and row["noise"] == 0 for row in rows)
    assert divergence.first(rows, loss_db=6.0) is None
    assert divergence.exclude_first(rows, count=3) == []


def negated(place: int, slot: int) -> faults.Edit:
    """All codes of a constant of the operator at this place, with the other sign."""

    def edit(content: Any) -> None:
        tensor = faults.constant(content, content.subgraphs[0].operators[place], slot)
        dtype = {9: "int8", 2: "int32", 0: "float32"}[tensor.type]
        values = faults.array(content, tensor, dtype)
        values[:] = -values

    return edit


def named_first(made: Made, sound: bytes, place: int, slot: int) -> bool:
    """Whether the operator of the float32 file that stands where this one does is the first divergence."""
    graph, found = made.proof.graph, flatbuffer.read(sound)
    model = faults.edited(sound, negated(place, slot))
    numbers = np.arange(len(made.samples["image"]))
    reference = interpreter.predict(made.float32, made.samples, workers=1)
    noise = expected_noise.simulate(made.float32, graph, found, made.samples, reference, numbers, batch=1, own_weights=False)
    assert isinstance(noise, expected_noise.Simulation)
    traces = divergence.traces(made.float32, model, made.samples, numbers.tolist(), batch=1, simulated=noise.model)
    first = divergence.diagnose(graph, flatbuffer.read(model), traces, made.proof.mapped.layers)["first"]
    aligned = graph_alignment.align(graph, found).operators
    (expected,) = [ours for ours, theirs in aligned.items() if theirs == (found.main, place)]
    return first is not None and first["tensor"] == graph.tensors[graph.operators[expected[1]].outputs[0]].name


@pytest.mark.parametrize("scheme", ["static_wi8_ai8", "dynamic_wi8_afp32"])
def test_a_negated_kernel_or_bias_is_named_first_in_every_layer(
    nets: Callable[[str], Made], files: Callable[[str, str], bytes], scheme: str
) -> None:
    made, sound = nets("convolutions"), files("convolutions", scheme)
    found = flatbuffer.read(sound)
    asked = [
        (place, slot)
        for place, operator in enumerate(found.operators)
        for slot in (operators.LINEAR[operator.name][:2] if operator.name in operators.LINEAR else ())
        # Of zeros nothing changes.
        if len(operator.inputs) > slot
        and operator.inputs[slot] >= 0
        and flatbuffer.real(found.tensors[operator.inputs[slot]]).any()
    ]
    assert len(asked) >= 14
    assert [pair for pair in asked if not named_first(made, sound, *pair)] == []


def test_a_kernel_that_overflows_is_named_with_a_finite_figure(made: Made) -> None:
    """What float16 makes of a weight above 65,504: the report holds no infinity, and this layer is to be kept in float first."""

    def overflow(content: Any) -> None:
        operator = faults.operators(content, "FULLY_CONNECTED")[-1]
        faults.array(content, faults.tensor_of(content, operator, 1), "float32")[0] = np.inf

    rows = followed(made, faults.edited(made.float32, overflow))
    (row,) = [row for row in rows if row["operator"] == "FULLY_CONNECTED" and row["weight_db"] is not None]
    assert (row["weight_db"], np.isfinite(float(str(row["noise"])))) == (-1000.0, True)
    assert divergence.exclude_first(rows, count=1)[0]["tensors"] == [row["tensor"]]
