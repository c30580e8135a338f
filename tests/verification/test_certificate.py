"""The certificate holds for every clean file, and every fault that exists in a file's own format is seen and named."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.cli import audit
from pipeline.quantization.schemes import SCHEMES
from pipeline.verification import judgement
from tests import certified, faults
from tests.made import Made, certify, converted, litert, make, measured, named

# What the engines refuse: an embedding's tokens have no range for the converter's 16 bits, and neither quantizes the WHILE of
# these recurrent networks.
REFUSED = {
    ("attention", "converter", "static_wi8_ai16"),
    *(("recurrent", engine, scheme) for engine in SCHEMES for scheme in ("static_wi8_ai8", "static_wi8_ai16")),
    ("recurrent", "converter", "static_wi8_ai8_fallback"),
}
# The converter stores the bias of a layer used twice once, with the scale of one of its two inputs: a fault of the file.
FAULTY = {("shared", "converter", "static_wi8_ai16")}
FILES = [
    (name, engine, scheme)
    for engine, table in SCHEMES.items()
    for scheme in (*faults.FORMATS, "static_wi8_ai8_fallback")
    for name in certified.NETWORKS
    if scheme in table and (name, engine, scheme) not in REFUSED
]


@pytest.mark.parametrize(("name", "engine", "scheme"), FILES)
def test_a_clean_file_holds_every_parameter(
    nets: Callable[[str], Made], files: Callable[[str, str], bytes], name: str, engine: str, scheme: str
) -> None:
    made = nets(name)
    model = files(name, scheme) if engine == "litert" else converted(made, scheme)
    # TFLiteConverter calibrates on a graph of its own.
    report = certify(made, model, scheme, ranges=engine == "litert" and scheme.startswith("static"))
    parameters = report["parameters"]
    assert parameters["share"] == 1
    assert parameters["accounted"] == parameters["total"] == sum(array.size for array in made.source.weights.values())
    if (name, engine, scheme) in FAULTY:
        assert {fault["check"] for fault in report["faults"]} == {"scales"}
        assert "twice" in named(report)
    else:
        assert report["faults"] == []
        assert report["passed"]
    if parameters["worst_step"] is not None:
        assert parameters["worst_step"] <= 0.5 + 1e-4


@pytest.mark.parametrize("scheme", faults.FORMATS)
@pytest.mark.parametrize("fault", faults.FAULTS)
def test_each_fault_is_seen_and_named(
    nets: Callable[[str], Made], files: Callable[[str, str], bytes], scheme: str, fault: str
) -> None:
    edit, layers = faults.FAULTS[fault]
    wrong = faults.edited(files("convolutions", scheme), edit(faults.FORMATS[scheme]))
    report = certify(nets("convolutions"), wrong, scheme)
    assert not report["passed"]
    assert layers <= named(report)


def test_a_file_written_again_is_not_accused(nets: Callable[[str], Made], files: Callable[[str, str], bytes]) -> None:
    for scheme in faults.FORMATS:
        assert certify(nets("convolutions"), faults.edited(files("convolutions", scheme), lambda content: None), None)["passed"]


def test_ranges_that_nobody_told_are_not_compared(nets: Callable[[str], Made], files: Callable[[str, str], bytes]) -> None:
    said = []
    for scheme, ranges in (("static_wi8_ai8", False), ("static_wi8_ai8", True), ("dynamic_wi8_afp32", False)):
        made = nets("wide")
        report = judgement.judge(
            made.source,
            made.float32,
            files("wide", scheme),
            scheme=scheme,
            io_dtype=None,
            algorithm="min_max",
            measured=measured(made) if ranges else None,
            outputs=None,
            limits=audit.limits(),
        )
        said.append("not compared: ranges" in next(row["reason"] for row in report["checks"] if row["name"] == "scales"))
    assert said == [True, False, False]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(scheme=st.sampled_from(list(faults.FORMATS)), kernel=st.sampled_from(faults.KERNELS), entry=st.integers(0, 10**6))
def test_no_changed_weight_passes_unnoticed(
    nets: Callable[[str], Made], files: Callable[[str, str], bytes], scheme: str, kernel: tuple[str, int], entry: int
) -> None:
    wrong = faults.edited(files("convolutions", scheme), faults.weight(*kernel, faults.FORMATS[scheme], entry))
    report = certify(nets("convolutions"), wrong, scheme)
    assert report["parameters"]["accounted"] < report["parameters"]["total"]
    assert not report["passed"]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(scheme=st.sampled_from(list(faults.FORMATS)), number=st.integers(0, 100))
def test_no_removed_operator_passes_unnoticed(
    nets: Callable[[str], Made], files: Callable[[str, str], bytes], scheme: str, number: int
) -> None:
    def edit(content: Any) -> None:
        present = [o for o in content.subgraphs[0].operators if faults.kind(content, o) not in ("QUANTIZE", "DEQUANTIZE")]
        faults.removed(content, present[number % len(present)])

    assert not certify(nets("convolutions"), faults.edited(files("convolutions", scheme), edit), scheme)["passed"]


APPLICATIONS = {
    "MobileNetV2": lambda: keras.applications.MobileNetV2(weights=None, input_shape=(32, 32, 3), alpha=0.35, classes=10),
    "MobileNetV3Small": lambda: keras.applications.MobileNetV3Small(weights=None, input_shape=(64, 64, 3), classes=10),
    "EfficientNetB0": lambda: keras.applications.EfficientNetB0(weights=None, input_shape=(64, 64, 3)),
    "ResNet50": lambda: keras.applications.ResNet50(weights=None, input_shape=(64, 64, 3)),
}


@pytest.mark.parametrize("name", ["MobileNetV2", *(pytest.param(name, marks=pytest.mark.slow) for name in list(APPLICATIONS)[1:])])
def test_keras_applications(tmp_path: Path, name: str) -> None:
    made = make(certified.randomised(APPLICATIONS[name]()), tmp_path / "source")
    for scheme in faults.FORMATS:
        model = made.float32 if scheme == "float32" else litert(made, scheme)
        report = certify(made, model, scheme)
        assert report["parameters"]["share"] == 1
        assert report["faults"] == []
    assert all(row["passed"] for row in report["layers"])
    wrong = faults.edited(made.float32, faults.weight("CONV_2D", 3, "float32"))
    assert not certify(made, wrong, None)["passed"]
