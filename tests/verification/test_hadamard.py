"""Kernels that were rotated, in files of which nothing is said."""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest
from flatbuffers import flexbuffers
from litert_quantizer.algorithms.uniform_quantize import hadamard_rotation

from pipeline.tflite import flatbuffer
from pipeline.verification import hadamard
from tests import faults
from tests.made import Made, certify, litert


@pytest.fixture(scope="module")
def turned(nets: Callable[[str], Made]) -> Callable[[str], bytes]:
    return cache(lambda scheme: litert(nets("wide"), scheme, algorithm="hadamard"))


@pytest.mark.parametrize("count", [1, 12, 48, 64])
def test_the_rotation_is_the_library_s(count: int) -> None:
    w = np.random.default_rng(0).normal(size=(5, count)).astype(np.float32)
    if count == 1:
        assert np.array_equal(hadamard.rotated(w), w)
        return
    expected, size, signs = hadamard_rotation._rotate_with_diagonal_hadamard(w, 1)
    assert hadamard.length(count) == size
    assert set(signs.tolist()) == {1}
    np.testing.assert_allclose(hadamard.rotated(w), expected, atol=1e-5)


@pytest.mark.parametrize("algorithm", ["hadamard", None])
@pytest.mark.parametrize("scheme", ["dynamic_wi8_afp32", "dynamic_wi4_afp32"])
def test_a_sound_file(nets: Callable[[str], Made], turned: Callable[[str], bytes], scheme: str, algorithm: str | None) -> None:
    report = certify(nets("wide"), turned(scheme), scheme, algorithm)
    assert report["faults"] == []
    assert report["parameters"]["rewritten"] == 0
    assert any("rotated, quantized to" in row["transformation"] for row in report["tensors"])


def code(content: Any) -> None:
    values = faults.array(content, faults.tensor_of(content, faults.operators(content, "FULLY_CONNECTED")[1], 1), "int8")
    values[5] += 2 if values[5] < 100 else -2


def halved(content: Any) -> None:
    """The data is turned in halves, the kernel as a whole."""
    options = {"hadamard_size": 32, "random_binary_vector": [1] * 32}
    faults.operators(content, "CUSTOM")[1].customOptions = np.frombuffer(flexbuffers.Dumps(options), np.uint8)


def left_out(content: Any) -> None:
    faults.removed(content, faults.operators(content, "CUSTOM")[1])


@pytest.mark.parametrize("algorithm", ["hadamard", None])
@pytest.mark.parametrize("edit", [code, halved, left_out])
def test_what_is_wrong_with_it_is_seen(
    nets: Callable[[str], Made], turned: Callable[[str], bytes], edit: Callable[[Any], None], algorithm: str | None
) -> None:
    report = certify(nets("wide"), faults.edited(turned("dynamic_wi8_afp32"), edit), None, algorithm)
    assert "two" in {layer for fault in report["faults"] for layer in fault["layers"]}


def test_a_rotation_for_nothing(nets: Callable[[str], Made], turned: Callable[[str], bytes]) -> None:
    graph = flatbuffer.read(turned("dynamic_wi8_afp32"))
    places = [at for at, operator in enumerate(graph.operators) if operator.name == hadamard.ROTATION]
    assert all(hadamard.only_for_turned(graph, (0, at)) for at in places)
    assert not any(hadamard.only_for_turned(graph, (0, at)) for at in range(len(graph.operators)) if at not in places)
