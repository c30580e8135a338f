from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from pipeline.micro import simulation, tflm
from pipeline.micro.simulation_report import Simulation
from tests.faults import edited
from tests.micro.conftest import File

INT8, INT16 = "static_wi8_ai8", "static_wi8_ai16"


def _simulate(file: File) -> Simulation:
    return simulation.simulate("v", file.model, file.samples, file.judged, version="0.dev1", workers=1)


@pytest.mark.parametrize("variant", ["int8", "int16x8", "float32"])
def test_tflm_agrees_with_litert_on_the_digits(digits_file: Callable[[str], File], variant: str) -> None:
    report = _simulate(digits_file(variant))
    assert report.passed
    assert report.reason is None
    assert report.samples == 450
    assert report.resolver == [
        f"resolver.Add{name}();" for name in ("Conv2D", "DepthwiseConv2D", "FullyConnected", "MaxPool2D", "Reshape", "Softmax")
    ]
    assert report.flash_bytes == len(digits_file(variant).model)
    if variant == "int8":
        # Bit for bit: what differs from accuracy's outputs is LiteRT's XNNPACK from LiteRT's own kernels.
        assert report.outputs["probabilities"].kernels.largest == 0
        assert report.outputs["probabilities"].judged.largest > 1


@pytest.mark.parametrize("network", ["keywords", "autoencoder"])
@pytest.mark.parametrize("scheme", [INT8, INT16, None])
def test_tflm_agrees_with_litert_on_other_networks(
    small: Callable[[str, str | None], File], network: str, scheme: str | None
) -> None:
    report = _simulate(small(network, scheme))
    assert report.passed, report.reason
    assert report.arena is not None
    assert report.not_compared == []


def _average(content: Any) -> None:
    for code in content.operatorCodes:
        if code.builtinCode == schema.BuiltinOperator.MAX_POOL_2D:
            code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.AVERAGE_POOL_2D


@pytest.mark.parametrize("variant", ["int8", "int16x8", "float32"])
def test_a_runtime_that_computes_something_else_is_seen(
    digits_file: Callable[[str], File], monkeypatch: pytest.MonkeyPatch, variant: str
) -> None:
    """TFLM is given a file with another kernel than LiteRT."""
    run, tensors = tflm.run, tflm.tensors
    monkeypatch.setattr(tflm, "run", lambda model, *given, **how: run(edited(model, _average), *given, **how))
    monkeypatch.setattr(tflm, "tensors", lambda model, *given: tensors(edited(model, _average), *given))
    report = _simulate(digits_file(variant))
    assert not report.passed
    assert str(report.reason).startswith("TFLite Micro computes MAX_POOL_2D (number 3, ")
    assert [row.operator for row in report.operators if not row.passed] == ["MAX_POOL_2D"]


def test_memory_that_is_used_again_too_early_is_seen(digits_file: Callable[[str], File], monkeypatch: pytest.MonkeyPatch) -> None:
    """No operator is wrong, but the outputs are not what they make."""
    run = tflm.run

    def overwritten(*given: Any, **how: Any) -> tflm.Run:
        found = run(*given, **how)
        found.outputs[0][7, 3] ^= 1
        return found

    monkeypatch.setattr(tflm, "run", overwritten)
    report = _simulate(digits_file("int8"))
    assert not report.passed
    assert report.worst == [7]
    assert "its planner overwrites what is still needed" in str(report.reason)


def test_what_tflm_refuses_is_a_row_with_its_words(digits_file: Callable[[str], File]) -> None:
    report = _simulate(digits_file("dynamic_int8"))
    assert (report.passed, report.arena, report.outputs) == (False, None, {})
    assert str(report.reason).startswith("TFLite Micro refuses it: Hybrid models are not supported on TFLite Micro; ")


def test_a_file_that_tflm_would_not_run_as_it_is_is_none_for_it(digits_file: Callable[[str], File]) -> None:
    file = digits_file("int8")

    def several(content: Any) -> None:
        for number in (content.subgraphs[0].inputs[0], content.subgraphs[0].outputs[0]):
            tensor = content.subgraphs[0].tensors[number]
            tensor.shape = [4, *tensor.shape[1:]]

    report = simulation.simulate("v", edited(file.model, several), file.samples, file.judged, version="0.dev1", workers=1)
    assert not report.passed
    assert report.reason == "image, probabilities: no batch of one, which TFLite Micro is run with; set convert.batch=1"


def test_outputs_that_differ_without_being_shown_are_not_passed(
    digits_file: Callable[[str], File], monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(*_: Any) -> None:
        raise tflm.Refused("no tensors today")

    monkeypatch.setattr(tflm, "tensors", silent)
    assert _simulate(digits_file("int8")).passed  # nothing differs
    reason = str(_simulate(digits_file("int16x8")).reason)
    assert reason.endswith("by up to 7 steps, and it does not show its tensors: no tensors today")


def test_what_tflm_really_gets_wrong_is_not_passed(small: Callable[[str, str | None], File]) -> None:
    """The loop backwards of a bidirectional LSTM, tflite-micro 0.dev20261023182759."""
    file = small("two_ways", None)
    report = _simulate(file)
    assert not report.passed
    assert str(report.reason).startswith("TFLite Micro computes WHILE ")
    assert max(output.kernels.largest for output in report.outputs.values()) > 0.01


def test_an_output_that_litert_judged_otherwise_is_counted(digits_file: Callable[[str], File]) -> None:
    file = digits_file("int8")
    moved = {name: np.array(array) for name, array in file.judged.items()}
    moved["probabilities"][0, 0] += 100 / 256
    report = simulation.simulate("v", file.model, file.samples, moved, version="0.dev1", workers=1)
    assert report.outputs["probabilities"].judged.largest >= 99
