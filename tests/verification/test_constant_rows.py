from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from pipeline.verification import float32_proof
from tests import faults
from tests.made import Made, blockwise, certify, litert


@pytest.mark.parametrize(("bits", "block"), [(8, 0), (4, 0), (2, 0), (4, 32), (2, 32)])
def test_int4_and_blocks_of_32(nets: Callable[[str], Made], bits: int, block: int) -> None:
    made = nets("wide")
    report = certify(made, blockwise(made, bits, block), None)
    assert report["parameters"]["share"] == 1
    assert report["parameters"]["quantized"] == 64 * 64 * 3 + 640
    assert report["faults"] == []


@pytest.mark.parametrize("scheme", ["mse", "octav"])
def test_other_algorithms_choose_other_scales_and_their_codes_still_follow(nets: Callable[[str], Made], scheme: str) -> None:
    made = nets("wide")
    model = litert(made, "dynamic_wi8_afp32", algorithm=scheme)
    assert certify(made, model, "dynamic_wi8_afp32", algorithm=scheme)["passed"]


@pytest.mark.parametrize(("algorithm", "kind", "passed"), [("min_max", "quantized", False), ("gptq", "rewritten", True)])
def test_other_codes_than_the_nearest_are_a_fault_unless_the_algorithm_rewrites(
    nets: Callable[[str], Made], files: Callable[[str, str], bytes], algorithm: str, kind: str, passed: bool
) -> None:
    wrong = faults.edited(files("convolutions", "dynamic_wi8_afp32"), faults.weight("FULLY_CONNECTED", 0, "int8"))
    report = certify(nets("convolutions"), wrong, "dynamic_wi8_afp32", algorithm)
    (row,) = [row for row in report["tensors"] if row["layers"][:1] == ["dense"] and row["input"] == 1]
    assert (row["kind"], row["passed"]) == (kind, passed)
    assert report["passed"] == passed


@pytest.mark.parametrize("scheme", ["float32", "dynamic_wi8_afp32"])
def test_the_same_bytes_in_another_shape(nets: Callable[[str], Made], scheme: str) -> None:
    """One scale for the tensor: with one for each channel the file cannot be read any more."""

    def edit(content: Any) -> None:
        operator = faults.operators(content, "FULLY_CONNECTED")[-1]
        tensor = faults.tensor_of(content, operator, 1)
        tensor.shape = np.array(tensor.shape[::-1])

    made = nets("wide")
    sound = made.float32 if scheme == "float32" else litert(made, scheme, granularity="tensor")
    report = certify(made, faults.edited(sound, edit), None, None)
    assert any("has shape [64, 10]; expected [10, 64]" in fault["reason"] for fault in report["faults"])


@pytest.mark.parametrize("option", ["offset", "weightsFormat"])
def test_options_that_change_what_is_read(nets: Callable[[str], Made], files: Callable[[str, str], bytes], option: str) -> None:
    network, name = ("recurrent", "STRIDED_SLICE") if option == "offset" else ("wide", "FULLY_CONNECTED")

    def edit(content: Any) -> None:
        setattr(faults.operators(content, name)[0].builtinOptions, option, 1)

    assert certify(nets(network), files(network, "float32"), None, None)["passed"]
    report = certify(nets(network), faults.edited(files(network, "float32"), edit), None, None)
    assert any(f"{name} has {option}" in fault["reason"] for fault in report["faults"])


@pytest.mark.parametrize("value", [np.inf, np.nan])
def test_an_error_without_end_has_no_figure(nets: Callable[[str], Made], value: float) -> None:
    """A float32 file with a weight that is no number is refused; the report is written as JSON, which knows no infinity."""

    def edit(content: Any) -> None:
        operator = faults.operators(content, "FULLY_CONNECTED")[-1]
        faults.array(content, faults.tensor_of(content, operator, 1), "float32")[0] = value

    made = nets("wide")
    model = faults.edited(made.float32, edit)
    spoilt = replace(made, float32=model, proof=float32_proof.prove(made.source, model, None))
    wrong = [row for row in certify(spoilt, model, "float32")["tensors"] if not row["passed"]]
    assert wrong
    assert all(row["max_error"] is None for row in wrong)
