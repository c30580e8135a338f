"""Conversions of a lone file: what sound files have is not accused, and what nothing asks for is seen."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from pipeline.runtime import interpreter
from pipeline.tflite import flatbuffer
from pipeline.verification import conversions, graph_alignment
from tests import faults
from tests.graphs import chain, tensor
from tests.made import Made, certify


def reasons(made: Made, model: bytes) -> list[str]:
    """Of a file of which nothing is said, as `audit` has it."""
    report = certify(made, model, None, None)
    assert report["passed"] == (not report["faults"])
    return [fault["reason"] for fault in report["faults"]]


def between(content: Any) -> int:
    """A tensor between two operators: the second convolution's data."""
    return int(faults.operators(content, "CONV_2D")[1].inputs[0])


@pytest.mark.parametrize("scheme", ["float32", "float16", "dynamic_wi8_afp32", "static_wi8_ai8"])
@pytest.mark.parametrize("scale", [0.01, 0.2])
def test_there_and_back_again(nets: Callable[[str], Made], files: Callable[[str, str], bytes], scheme: str, scale: float) -> None:
    """A pair that clips, and one that only loses bits."""
    made = nets("convolutions")

    def edit(content: Any) -> None:
        at = between(content)
        source = content.subgraphs[0].tensors[at]
        if scheme == "static_wi8_ai8":
            has = float(source.quantization.scale[0]), int(source.quantization.zeroPoint[0])
            steps = [("DEQUANTIZE", "float32", 0.0, 0), ("QUANTIZE", "int8", *has)]
        else:
            steps = [("QUANTIZE", "int8", scale, 0), ("DEQUANTIZE", "float32", 0.0, 0)]
        faults.converted(content, at, steps)

    sound = files("convolutions", scheme)
    wrong = faults.edited(sound, edit)
    assert reasons(made, sound) == []
    assert any("and back with nothing between" in reason for reason in reasons(made, wrong))
    if scheme == "float32":
        # The file runs, and does something else.
        one, other = (interpreter.predict(model, made.samples, workers=1)["first"] for model in (sound, wrong))
        assert np.abs(one - other).max() > 1e-6


@pytest.mark.parametrize("factor", [0.25, 4.0])
def test_another_scale_and_back(nets: Callable[[str], Made], files: Callable[[str, str], bytes], factor: float) -> None:
    def edit(content: Any) -> None:
        at = between(content)
        quantization = content.subgraphs[0].tensors[at].quantization
        scale, zero = float(quantization.scale[0]), int(quantization.zeroPoint[0])
        faults.converted(content, at, [("QUANTIZE", "int8", scale * factor, zero), ("QUANTIZE", "int8", scale, zero)])

    wrong = faults.edited(files("convolutions", "static_wi8_ai8"), edit)
    found = reasons(nets("convolutions"), wrong)
    assert any("gets another scale" in reason and "nothing that reads it asks for one" in reason for reason in found)


READERS = [("CONCATENATION", True), ("MAXIMUM", False), ("MINIMUM", True), ("SELECT_V2", False), ("MAX_POOL_2D", False)]
READERS += [("STRIDED_SLICE", False), ("PAD", True), ("TRANSPOSE", True), ("AVERAGE_POOL_2D", True)]


@pytest.mark.parametrize(("reader", "clips"), READERS)
def test_a_scale_that_an_operator_asks_for_holds_what_it_uses(reader: str, clips: bool) -> None:
    """Below its least value MAXIMUM never gives anything, SELECT only what it chooses; CONCATENATION gives all."""
    graph = chain("QUANTIZE", reader)
    forms = [("int8", 0.1, 0), ("int8", 0.05, -128), ("int8", 0.05, -128)]
    for at, (dtype, scale, zero) in enumerate(forms):
        made = tensor((1,), dtype, scale=scale)
        made.zero_points[0] = zero  # type: ignore[index]
        graph.tensors[at] = made
    found = [reason for _, reason in conversions.needless(graph, graph, graph_alignment.Alignment())]
    assert bool(found) == clips
    if clips:
        assert "-12.8 to 12.7, is clipped below 0" in found[0]


@pytest.mark.parametrize(
    ("middle", "word"), [("int8", "nothing that reads it asks for one"), ("int16", "is clipped above 12.7996")]
)
def test_a_smaller_range_that_only_lies_between_two_conversions(middle: str, word: str) -> None:
    """A slice behind them has the range of before: it does not ask for what lies between."""
    graph = chain("QUANTIZE", "QUANTIZE", "STRIDED_SLICE")
    before = tensor((1,), "int8", scale=0.1)
    between = tensor((1,), middle, scale=0.1 / 256 if middle == "int16" else 0.1)
    between.zero_points[0] = 0  # type: ignore[index]
    graph.tensors[:] = [before, between, before, before]
    found = [reason for _, reason in conversions.needless(graph, graph, graph_alignment.Alignment())]
    assert word in found[0]


def test_a_caller_reads_all_of_it() -> None:
    graph = chain("QUANTIZE", "SELECT_V2")
    for at, scale in enumerate((0.1, 0.05, 0.05)):
        graph.tensors[at] = tensor((1,), "int8", scale=scale)
    assert not list(conversions.needless(graph, graph, graph_alignment.Alignment()))
    seen = replace(graph.subgraphs[0], outputs=(1, 2))
    read = replace(graph, subgraphs=[seen])
    ((_, reason),) = conversions.needless(read, read, graph_alignment.Alignment())
    assert reason.endswith("is clipped above 12.75")


MAKERS = [(["TANH"], False), (["LOGISTIC"], False), (["AVERAGE_POOL_2D"], False), (["SELECT_V2", "RESHAPE"], False)]
MAKERS += [(["RELU"], True), (["RESHAPE"], True), (["RELU", "RESHAPE"], True), (["CONCATENATION"], True), (["PAD"], True)]


@pytest.mark.parametrize(("makers", "clips"), MAKERS)
def test_a_scale_that_a_kernel_prescribes_says_nothing_of_the_values(makers: list[str], clips: bool) -> None:
    """Behind a fixed scale, or that of an input of which only some values are left."""
    graph = chain(*makers, "QUANTIZE", "CONCATENATION")
    for at in range(len(makers) + 3):
        graph.tensors[at] = tensor((1,), "int8", scale=0.1 if at <= len(makers) else 0.05)
    found = list(conversions.needless(graph, graph, graph_alignment.Alignment()))
    assert bool(found) == clips


def test_one_tensor_quantized_in_two_ways() -> None:
    graph = chain("QUANTIZE", "ABS")
    graph.tensors[1] = tensor((1,), "int8", scale=0.1)
    graph.tensors[2] = tensor((1,), "int8", scale=0.1)
    graph.tensors.append(tensor((1,), "int8", scale=0.01))
    graph.operators.append(flatbuffer.Operator(name="QUANTIZE", inputs=(0,), outputs=(3,)))
    graph.operators.append(flatbuffer.Operator(name="ABS", inputs=(3,), outputs=(2,)))
    found = [reason for _, reason in conversions.needless(graph, graph, graph_alignment.Alignment())]
    assert any("is quantized twice: 0 to 25.5 and 0 to 2.55" in reason for reason in found)


def test_operators_without_inputs_and_conversions_in_a_circle() -> None:
    graph = chain("QUANTIZE", "DEQUANTIZE", "MUL")
    for at in (1,):
        graph.tensors[at] = tensor((1,), "int8", scale=0.1)
    graph.operators[2] = replace(graph.operators[2], inputs=())
    graph.operators[0] = replace(graph.operators[0], inputs=(2,))
    found = dict(conversions.needless(graph, graph, graph_alignment.Alignment()))
    assert "and back with nothing between" in found[0, 0]
