from collections.abc import Callable

import pytest

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
