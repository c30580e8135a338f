"""Ranges of activations of a lone file, on samples."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from pipeline.cli import audit, audit_text
from pipeline.runtime import interpreter
from pipeline.tflite import flatbuffer
from pipeline.verification import activation_noise, graph_alignment, judgement
from tests import faults
from tests.graphs import chain, tensor
from tests.made import Made


def check(made: Made, model: bytes, *, samples: bool = True) -> dict[str, Any]:
    outputs = None
    if samples:
        reference, predicted = (interpreter.predict(file, made.samples, workers=1) for file in (made.float32, model))
        ids = [str(i) for i in range(8)]
        outputs = judgement.Outputs(samples=made.samples, ids=ids, reference=reference, predicted=predicted)
    report = judgement.judge(
        made.source,
        made.float32,
        model,
        scheme=None,
        io_dtype=None,
        algorithm=None,
        measured=None,
        outputs=outputs,
        limits=audit.limits(),
    )
    (row,) = [row for row in report["checks"] if row["name"] == "activation ranges"]
    return row


def rescaled(content: Any, factor: float) -> None:
    """The network's input: a scale on which a bias depends, which follows."""
    operator = faults.operators(content, "CONV_2D")[0]
    for one in (faults.tensor_of(content, operator, 0), faults.tensor_of(content, operator, 2)):
        one.quantization.scale = np.array(one.quantization.scale, np.float32) * np.float32(factor)


@pytest.mark.parametrize("scheme", ["static_wi8_ai8", "static_wi8_ai16"])
def test_ranges_on_samples(nets: Callable[[str], Made], files: Callable[[str, str], bytes], scheme: str) -> None:
    made, sound = nets("convolutions"), files("convolutions", scheme)
    assert check(made, sound)["passed"]
    clipped = check(made, faults.edited(sound, lambda content: rescaled(content, 0.2)))
    assert not clipped["passed"]
    assert "of the values are clipped" in clipped["reason"]
    # 16 bits have room: a calibration with one outlier is no fault where they still hold what 8 bits would.
    coarse = {"static_wi8_ai8": 100, "static_wi8_ai16": 3000}[scheme]
    assert "is too coarse" in check(made, faults.edited(sound, lambda content: rescaled(content, coarse)))["reason"]
    if scheme == "static_wi8_ai16":
        assert check(made, faults.edited(sound, lambda content: rescaled(content, 30)))["passed"]


def test_without_samples_nothing_is_claimed(nets: Callable[[str], Made], files: Callable[[str, str], bytes]) -> None:
    row = check(nets("convolutions"), files("convolutions", "static_wi8_ai8"), samples=False)
    assert (row["passed"], row["value"], row["reason"]) == (True, None, "not compared: needs real samples (--data)")
    line = audit_text._line(row)
    assert line == "--   activation ranges: not compared: needs real samples (--data)"
    none = check(nets("convolutions"), files("convolutions", "dynamic_wi8_afp32"), samples=False)
    assert none["reason"] == "no activation is quantized"


@pytest.mark.parametrize(
    ("values", "passes"), [([0.0, 10.0], True), ([0.0, 10.0, 14.0], True), ([0.0, 40.0], False), ([0.0, 0.01], False)]
)
def test_by_hand(values: list[float], passes: bool) -> None:
    """A scale that reaches to 12.75: 14 loses 1 % of the power, 40 half of it, and 0.01 is nothing beside a step."""
    expected, found = chain("ABS"), chain("ABS")
    found.tensors[1] = tensor((3,), "int8", scale=0.05)
    aligned = graph_alignment.Alignment(tensors={(0, 1): (0, 1)})
    expected.tensors[1] = flatbuffer.Tensor(**{**vars(expected.tensors[1]), "name": "y"})
    judged = activation_noise.judge(expected, found, aligned.tensors, [{1: np.array(values, np.float32)}])
    assert judged.tensors == 1
    assert (judged.faults == []) == passes


def test_a_format_that_the_library_fixes_is_not_judged() -> None:
    expected, found = chain("SOFTMAX"), chain("SOFTMAX")
    found.tensors[1] = tensor((1,), "int8", scale=1 / 256)
    judged = activation_noise.judge(expected, found, {(0, 1): (0, 1)}, [{1: np.full(1000, 1e-3, np.float32)}])
    assert judged == activation_noise.Judged(tensors=0, faults=[])


def test_what_maximum_does_not_give_is_no_loss() -> None:
    """The lower half of what it reads is clipped: where something else reads it as well, that is a fault."""
    float32, found = chain("RELU", "MAXIMUM"), chain("RELU", "MAXIMUM")
    for graph in (float32, found):
        graph.tensors[:] = [replace(entry, name=f"t{at}") for at, entry in enumerate(graph.tensors)]
    for at in (1, 2):
        found.tensors[at] = replace(tensor((1,), "int8", scale=0.01), name=f"t{at}")
    pairs = {(0, at): (0, at) for at in range(3)}
    trace = {1: np.linspace(-2.5, 2.5, 9, dtype=np.float32), 2: np.linspace(0.0, 2.5, 9, dtype=np.float32)}
    assert activation_noise.judge(float32, found, pairs, [trace]).faults == []
    seen = replace(found, subgraphs=[replace(found.subgraphs[0], outputs=(1, 2))])
    ((name, reason),) = activation_noise.judge(float32, seen, pairs, [trace]).faults
    assert name == "t1"
    assert "are clipped" in reason


def test_a_step_far_above_the_values_is_too_coarse_and_clips_nothing() -> None:
    """Scores that have the scale of their mask: those above the last code lie within half a step of it."""
    expected, found = chain("ABS"), chain("ABS")
    found.tensors[1] = replace(tensor((1,), "int8", scale=1e36), zero_points=np.array([127]))
    values = np.linspace(-10.0, 13.0, 99, dtype=np.float32)
    expected.tensors[1] = replace(expected.tensors[1], name="y")
    judged = activation_noise.judge(expected, found, {(0, 1): (0, 1)}, [{1: values}])
    ((_, reason),) = judged.faults
    assert reason.startswith("scale 1e+36 is too coarse (0.0 dB")
