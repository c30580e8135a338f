"""Every variant of conf/quantization/, built as the stage builds it and read from its flatbuffer."""

import contextlib
import sys
import warnings
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import yaml

from pipeline import files, paths, quantize, search
from pipeline.cli.compose import compose
from pipeline.quantization import schemes
from pipeline.runtime import interpreter
from pipeline.tflite import flatbuffer
from pipeline.tflite.layers_record import Layers
from pipeline.verification import fidelity
from tests import networks, records
from tests.helpers import ROOT, call
from tests.inprocess import one_process
from tests.networks import Measured

VARIANTS = sorted(path.stem for path in (ROOT / "conf" / "quantization").glob("[a-z]*.yaml"))
# 150 tuning samples are too few for an interval.
SEARCH = ("search=[mixed]", "searches.mixed.drop_bound=estimate")
CONFIGURED = yaml.safe_load(compose(ROOT, [f"quantization=[{','.join(VARIANTS)}]", "search=[mixed]"]))["variants"]


def scheme_of(variant: str) -> schemes.Scheme:
    return schemes.SCHEMES[CONFIGURED[variant]["engine"]][CONFIGURED[variant]["scheme"]]


INTEGER_ONLY = [name for name in VARIANTS if scheme_of(name).integer_only and CONFIGURED[name]["io_dtype"] != "float32"]
STATIC = [name for name in VARIANTS if scheme_of(name).activations.startswith("int")]


def run(stage: Any, *arguments: str, cwd: Path) -> None:
    """A stage in this process, which has TensorFlow imported already; what the converter says on the way is not ours."""
    before = sys.argv
    with contextlib.chdir(cwd), warnings.catch_warnings(), one_process():
        warnings.simplefilter("ignore")
        sys.argv = [stage.__name__, *arguments]
        try:
            stage.main()
        finally:
            sys.argv = before


def place(finished: Path, target: Path, *overrides: str) -> Path:
    """The finished stages before `quantize` in a folder of its own."""
    target.mkdir(parents=True)
    (target / "params.yaml").write_text(compose(ROOT, list(overrides)), encoding="utf-8")
    (target / "models").mkdir()
    (target / "data").symlink_to(finished / "data")
    for path in (paths.SOURCE, paths.SOURCE_FACTS, paths.FLOAT32, paths.LAYERS, paths.RANGES):
        (target / path).symlink_to(finished / path)
    return target


@pytest.fixture(scope="module")
def built(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every variant there is."""
    everything = f"quantization=[{','.join(VARIANTS)}]"
    target = place(finished, tmp_path_factory.mktemp("built") / "project", everything, *SEARCH)
    run(search, "mixed", cwd=target)
    for name in VARIANTS:
        run(quantize, name, cwd=target)
    return target


def graph_of(project: Path, variant: str) -> flatbuffer.Graph:
    return flatbuffer.read(files.read_bytes(project / paths.variant_model(variant)))


def ends(graph: flatbuffer.Graph) -> set[str]:
    return {graph.tensors[number].dtype for number in (*graph.inputs.values(), *graph.outputs.values())}


def sqnr(model: bytes, digits: Measured) -> float:
    found = digits.figures(model)["sqnr_db"]
    assert found is not None
    return found


def test_float32_is_the_converted_file_itself(built: Path) -> None:
    assert (built / paths.variant_model("float32")).read_bytes() == (built / paths.FLOAT32).read_bytes()


@pytest.mark.parametrize("variant", INTEGER_ONLY)
def test_a_full_integer_file_has_no_float_tensor_and_no_boundary_operator(built: Path, variant: str) -> None:
    graph, io_dtype = graph_of(built, variant), CONFIGURED[variant]["io_dtype"]
    assert not [tensor.name for tensor in graph.tensors if tensor.dtype.startswith("float")]
    assert ends(graph) == {io_dtype}
    conversions = [operator.name for operator in graph.operators if operator.name in ("QUANTIZE", "DEQUANTIZE")]
    # uint8 is int8 with another zero point: a QUANTIZE from integers to integers moves it, in the converter's file as in ours.
    assert conversions == (["QUANTIZE", "QUANTIZE"] if io_dtype == "uint8" else [])
    assert {tensor.dtype for tensor in flatbuffer.activations(graph)} - {"uint8"} == {scheme_of(variant).activations}


@pytest.mark.parametrize("variant", STATIC)
def test_a_static_file_has_the_activations_and_weights_it_is_named_for(built: Path, variant: str) -> None:
    graph, facts = graph_of(built, variant), scheme_of(variant)
    inside = [
        graph.tensors[operator.outputs[0]].dtype for operator in graph.operators if operator.name not in ("QUANTIZE", "DEQUANTIZE")
    ]
    assert set(inside) == {facts.activations}
    large = [tensor.dtype for tensor in flatbuffer.constants(graph) if np.prod(tensor.shape) > 200]
    assert set(large) == {facts.weights}
    biases = {"int8": "int32", "int16": "int64"}[facts.activations]
    assert biases in {tensor.dtype for tensor in flatbuffer.constants(graph)}


@pytest.mark.parametrize("variant", [name for name in VARIANTS if scheme_of(name).weights == "float16"])
def test_a_float16_file_s_weights_are_float16(built: Path, variant: str) -> None:
    large = [tensor for tensor in flatbuffer.constants(graph_of(built, variant)) if np.prod(tensor.shape) > 64]
    assert large
    assert {tensor.dtype for tensor in large} == {"float16"}


@pytest.mark.parametrize("variant", [name for name in VARIANTS if scheme_of(name).activations == "float32"])
def test_weights_alone_are_integers_and_computed_as_the_scheme_says(built: Path, variant: str) -> None:
    graph, facts = graph_of(built, variant), scheme_of(variant)
    assert ends(graph) == {"float32"}
    if facts.weights not in ("int8", "int4"):
        return
    weights = [graph.tensors[o.inputs[1]] for o in graph.operators if o.name in ("CONV_2D", "FULLY_CONNECTED")]
    if facts.computes == "float":  # behind a DEQUANTIZE
        assert {tensor.dtype for tensor in weights} == {"float32"}
        constants = [graph.tensors[o.inputs[0]].dtype for o in graph.operators if o.name == "DEQUANTIZE"]
        assert facts.weights in constants
    elif variant != "converter_dynamic":
        assert {tensor.dtype for tensor in weights} == {facts.weights}
    if CONFIGURED[variant]["granularity"] == "tensor":
        assert all(tensor.scales is not None and len(tensor.scales) == 1 for tensor in weights)


@pytest.mark.parametrize("variant", [name for name in STATIC if CONFIGURED[name]["io_dtype"] == "float32"])
def test_float_at_the_boundary_integers_inside(built: Path, variant: str) -> None:
    graph = graph_of(built, variant)
    assert ends(graph) == {"float32"}
    names = [operator.name for operator in graph.operators]
    assert (names[0], names[-1]) == ("QUANTIZE", "DEQUANTIZE")
    assert not {"QUANTIZE", "DEQUANTIZE"} & set(names[1:-1])


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_variant_runs_is_smaller_and_is_verified(built: Path, digits: Measured, variant: str) -> None:
    model = (built / paths.variant_model(variant)).read_bytes()
    figures = digits.figures(model)
    assert digits.failures(model, CONFIGURED[variant]["scheme"]) == []
    assert figures["drop"] is not None
    assert figures["drop"] <= (0.01 if scheme_of(variant).weights in ("float32", "float16", "int8") else 0.02)
    assert variant == "float32" or len(model) < len(digits.model) * 0.6


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_outcome_is_what_the_file_holds(built: Path, variant: str) -> None:
    outcome, graph = files.read_json(built / paths.variant_outcome(variant)), graph_of(built, variant)
    assert outcome["variant"] == variant
    assert outcome["integer_only"] == (not any(tensor.dtype.startswith("float") for tensor in graph.tensors))
    assert sum(outcome["constants"].values()) == len(flatbuffer.constants(graph))
    if CONFIGURED[variant]["engine"] == "litert" and variant != "float32":
        assert [row["layers"] for row in outcome["operators"]] == [
            row["layers"] for row in files.read_json(built / paths.LAYERS)["operators"]
        ]


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("int8", "converter_int8"),
        ("uint8", "converter_uint8"),
        ("int16x8", "converter_int16x8"),
        ("int8_float_io", "converter_int8_fallback"),
    ],
)
def test_as_close_to_the_original_as_the_converter_with_the_same_samples(
    built: Path, digits: Measured, ours: str, theirs: str
) -> None:
    """Within 0.5 dB on the evaluation set."""
    found, reference = (sqnr((built / paths.variant_model(name)).read_bytes(), digits) for name in (ours, theirs))
    assert found >= reference - 0.5


@pytest.mark.filterwarnings("ignore:.*tf.lite.Interpreter is deprecated.*", "ignore:Statistics for quantized inputs.*")
@pytest.mark.parametrize(("scheme", "io_dtype"), [("static_wi8_ai8", "int8"), ("static_wi8_ai16", "int16")])
def test_as_close_as_the_converter_on_badly_scaled_channels(scaled: Measured, scheme: str, io_dtype: str) -> None:
    from pipeline.source import converter

    ours = scaled.quantized(scheme, "min_max", "channel", io_dtype)
    theirs = converter.convert_saved_model(scaled.saved, scheme=scheme, io_dtype=io_dtype, samples=scaled.samples)
    assert sqnr(ours, scaled) >= sqnr(theirs, scaled) - 0.5


def test_the_converter_reads_the_number_of_samples_it_is_told(finished: Path, built: Path, tmp_path: Path) -> None:
    target = place(finished, tmp_path / "few", "quantization=[float32,converter_int8]", "calibrate.samples=3")
    run(quantize, "converter_int8", cwd=target)
    assert (target / paths.variant_model("converter_int8")).read_bytes() != (
        built / paths.variant_model("converter_int8")
    ).read_bytes()


def test_exclude_by_keras_layer_and_by_operator_type(finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = place(
        finished, tmp_path / "kept", "variants.int8_float_io.exclude=[depthwise,SOFTMAX]", "quantization=[int8_float_io]"
    )
    run(quantize, "int8_float_io", cwd=target)
    assert "variants.int8_float_io: excluded (2: depthwise, depthwise_bn, depthwise_relu; " in capsys.readouterr().out
    outcome = files.read_json(target / paths.variant_outcome("int8_float_io"))
    assert outcome["float_operators"] == {"DEPTHWISE_CONV_2D": 1, "SOFTMAX": 1}


@pytest.mark.parametrize(("name", "near"), [("depthwize", "depthwise"), ("softmax", "SOFTMAX")])
def test_an_exclusion_that_matches_nothing_lists_near_names(finished: Path, tmp_path: Path, name: str, near: str) -> None:
    target = place(finished, tmp_path / "refused", f"variants.int8.exclude=[{name}]")
    done = call("python", "-m", "pipeline.quantize", "int8", cwd=target, check=False, PYTHONPATH=str(ROOT))
    assert done.returncode == 1
    assert f"error: variants.int8.exclude: '{name}' is no layer that an operator carries and no operator type;" in done.stdout
    assert f"did you mean {near}" in done.stdout
    assert "Traceback" not in done.stdout
    assert not (target / paths.variant_model("int8")).exists()


def test_a_variant_that_would_change_nothing_is_refused_and_says_why(finished: Path, tmp_path: Path) -> None:
    everything = "variants.dynamic_int8.exclude=[CONV_2D,DEPTHWISE_CONV_2D,FULLY_CONNECTED]"
    target = place(finished, tmp_path / "nothing", everything)
    done = call("python", "-m", "pipeline.quantize", "dynamic_int8", cwd=target, check=False, PYTHONPATH=str(ROOT))
    assert done.returncode == 1
    assert (
        "error: variants.dynamic_int8: nothing was quantized: the file has no int8 constant, only float32, int32: excluded"
        in done.stdout
    )


def test_static_without_calibration_samples_is_refused(finished: Path, tmp_path: Path) -> None:
    target = place(finished, tmp_path / "unmeasured")
    (target / paths.RANGES).unlink()
    done = call("python", "-m", "pipeline.quantize", "int8", cwd=target, check=False, PYTHONPATH=str(ROOT))
    assert done.returncode == 1
    assert "error: models/ranges.json: no such file; run `dvc repro`, which makes it" in done.stdout


def test_an_operator_without_a_kernel_is_named_and_what_it_means(finished: Path, tmp_path: Path) -> None:
    """ELU stays in float: the stage says which, and that the file is not integer-only although its io_dtype is."""
    made = networks.unsupported(tmp_path / "saved")
    target = place(finished, tmp_path / "elu")
    for path in (paths.FLOAT32, paths.LAYERS, paths.RANGES):
        (target / path).unlink()
    (target / paths.FLOAT32).write_bytes(made.model)
    files.write_json(target / paths.LAYERS, msgspec.to_builtins(Layers(operators=made.rows)))
    names = {tensor.name for tensor in flatbuffer.activations(flatbuffer.read(made.model))}
    ranges = records.ranges(dict.fromkeys(("8", "16"), dict.fromkeys(names, (-4.0, 4.0))))
    files.write_json(target / paths.RANGES, msgspec.to_builtins(ranges))
    done = call("python", "-m", "pipeline.quantize", "int8", cwd=target, PYTHONPATH=str(ROOT))
    assert "variants.int8: litert-quantizer has no static_wi8_ai8 for ELU: float32 (1: bend)" in done.stdout
    assert "variants.int8: not integer-only, although its inputs and outputs are: float tensors remain at 1 ELU" in done.stdout
    outcome = files.read_json(target / paths.variant_outcome("int8"))
    assert not outcome["integer_only"]
    model = (target / paths.variant_model("int8")).read_bytes()
    sample = {"x": np.random.default_rng(0).uniform(-1, 1, (20, 4)).astype(np.float32)}
    reference, found = (interpreter.predict(bytes_, sample, workers=1) for bytes_ in (made.model, model))
    output = next(iter(reference))
    measured = fidelity.measure(reference[output], found[output])["sqnr_db"]
    assert measured is not None
    assert measured > 20
