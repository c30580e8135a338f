"""Scales of activations follow from measured ranges, and none that does not passes unnoticed."""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.quantization import operator_plan, quantizer, recipes
from pipeline.tflite import flatbuffer
from pipeline.verification import activation_scales, certificate, graph_alignment, judgement
from tests import certified, faults
from tests.made import Made, litert, make, measured

NETWORKS = ("convolutions", "attention", "shared")
STATIC = ("static_wi8_ai8", "static_wi8_ai16")


@pytest.fixture(scope="module")
def nets(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[Made, dict[str, dict[str, tuple[float, float]]]]]:
    @cache
    def build(name: str) -> tuple[Made, dict[str, dict[str, tuple[float, float]]]]:
        made = make(certified.randomised(certified.NETWORKS[name]()), tmp_path_factory.mktemp(name) / "source")
        return made, measured(made)

    return build


@pytest.fixture(scope="module")
def files(nets: Callable[[str], tuple[Made, Any]]) -> Callable[[str, str, str], bytes]:
    return cache(lambda name, scheme, io_dtype: litert(nets(name)[0], scheme, io_dtype=io_dtype))


def found(made: Made, ranges: Any, model: bytes) -> list[tuple[str, str]]:
    graph = flatbuffer.read(model)
    aligned = graph_alignment.align(made.proof.graph, graph)
    return [
        (tensor, reason) for _, tensor, reason in activation_scales.unexplained(made.proof.graph, graph, aligned.tensors, ranges)
    ]


@pytest.mark.parametrize(
    ("low", "high", "dtype", "scale", "zero"),
    [
        (-1.0, 1.55, "int8", 0.01, -28),
        (0.5, 2.55, "int8", 0.01, -128),  # zero is always held
        (0.5, 2.55, "uint8", 0.01, 0),
        (-2.0, 1.0, "int16", 2.0 / 32767, 0),
        (0.0, 0.0, "int8", 1 / 255, -128),  # dead
    ],
)
def test_scale_and_zero_point_by_hand(low: float, high: float, dtype: str, scale: float, zero: int) -> None:
    found_scale, found_zero = activation_scales.parameters(low, high, dtype)
    assert found_scale == pytest.approx(scale)
    assert found_zero == zero


@given(low=st.floats(-1e3, 1e3), width=st.floats(1e-3, 1e3), dtype=st.sampled_from(["int8", "uint8", "int16"]))
def test_a_range_and_zero_are_held_to_half_a_step(low: float, width: float, dtype: str) -> None:
    scale, zero = activation_scales.parameters(low, low + width, dtype)
    limits = np.iinfo(dtype)
    assert limits.min <= zero <= limits.max
    assert (limits.min - zero) * scale <= min(low, 0.0) + scale / 2 * 1.001
    assert (limits.max - zero) * scale >= max(low + width, 0.0) - scale / 2 * 1.001


@pytest.mark.parametrize("io_dtype", ["int8", "uint8", "float32"])
@pytest.mark.parametrize("name", NETWORKS)
def test_a_clean_file_is_not_accused(
    nets: Callable[[str], tuple[Made, Any]], files: Callable[[str, str, str], bytes], name: str, io_dtype: str
) -> None:
    assert found(*nets(name), files(name, "static_wi8_ai8", io_dtype)) == []


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from(NETWORKS),
    scheme=st.sampled_from(STATIC),
    io_dtype=st.sampled_from(["integer", "float32"]),
    number=st.integers(0, 1000),
    fault=st.sampled_from([0.99, 1.01, 2.0, -1, 1]),
)
def test_no_changed_scale_or_zero_point_of_an_activation_passes_unnoticed(
    nets: Callable[[str], tuple[Made, Any]],
    files: Callable[[str, str, str], bytes],
    name: str,
    scheme: str,
    io_dtype: str,
    number: int,
    fault: float,
) -> None:
    made, ranges = nets(name)
    ends = io_dtype if io_dtype == "float32" else judgement.BY_NAME[scheme].io_dtype[0]
    clean = files(name, scheme, ends)
    changed: list[str] = []

    def edit(content: Any) -> None:
        present = faults.activations(content)
        tensor = present[number % len(present)]
        if isinstance(fault, int):
            tensor.quantization.zeroPoint = np.array(tensor.quantization.zeroPoint) + fault
        else:
            tensor.quantization.scale = np.array(tensor.quantization.scale, np.float32) * np.float32(fault)
        changed.append(tensor.name.decode())

    wrong = faults.edited(clean, edit)
    report = certificate.certify(
        made.source,
        made.proof,
        flatbuffer.opened(wrong),
        scheme=judgement.BY_NAME[scheme],
        io_dtype=ends,
        algorithm="min_max",
        measured=ranges,
    )
    assert not report["passed"], changed
    assert any(entry["check"] == "scales" for entry in report["faults"])


@pytest.mark.parametrize("name", ["convolutions", "attention"])
def test_a_file_of_mixed_widths_is_not_accused(nets: Callable[[str], tuple[Made, Any]], name: str) -> None:
    """Where 8 and 16 bits meet, a tensor may have the range of what it was made from, which a kernel may have taken for granted."""
    made, ranges = nets(name)
    graph = flatbuffer.read(made.float32)
    names = [graph.tensors[operator.outputs[0]].name for operator in graph.operators]
    for seed in range(6):
        drawn = np.random.default_rng(seed).choice(["float32", "dynamic_wi8_afp32", *STATIC], len(names))
        choices = dict(zip(names, map(str, drawn), strict=True))
        recipe = recipes.each(graph, choices, algorithm="min_max", granularity="channel")
        rows = operator_plan.describe(graph, recipe, scheme="mixed", algorithm="recipe", granularity="recipe", exclude=())
        known = quantizer.ranges_as_statistics(operator_plan.ranges(graph, rows, ranges))
        model = quantizer.quantize(made.float32, recipe, known=known)
        file = flatbuffer.opened(model)
        for scheme, algorithm, measurements in ((judgement.BY_NAME["mixed"], "recipe", ranges), (None, None, None)):
            report = certificate.certify(
                made.source, made.proof, file, scheme=scheme, io_dtype=None, algorithm=algorithm, measured=measurements
            )
            assert report["faults"] == []
