from pathlib import Path

import numpy as np
import pytest

from pipeline.lib import files, flatbuffer, paths
from tests.helpers import call, stages_run

CONVERTER = ("converter_float16", "converter_dynamic", "converter_int8_fallback", "converter_int8", "converter_int16x8")
INTEGER_ONLY = {"int8": "int8", "int16x8": "int16", "converter_int8": "int8", "converter_int16x8": "int16"}


@pytest.fixture(scope="module")
def everything(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy in which every variant but `mixed` was built, verified and judged."""
    import shutil

    target = Path(shutil.copytree(finished, tmp_path_factory.mktemp("everything") / "project", symlinks=True))
    names = ",".join((*("float32", "float16", "dynamic_int8", "int8", "int16x8", "int8_float_io"), *CONVERTER))
    call("python", "-m", "pipeline.cli.compose", f"quantization=[{names}]", cwd=target)
    done = call("dvc", "repro", cwd=target)
    assert "quantize@int8" not in stages_run(done.stdout)
    return target


def graph_of(project: Path, variant: str) -> flatbuffer.Graph:
    return flatbuffer.read(files.read_bytes(project / paths.variant_model(variant)))


def test_float32_is_the_converted_file_itself(finished: Path) -> None:
    assert (finished / paths.variant_model("float32")).read_bytes() == (finished / paths.FLOAT32).read_bytes()


@pytest.mark.parametrize("variant", INTEGER_ONLY)
def test_a_full_integer_file_has_no_float_tensor_and_no_boundary_operator(everything: Path, variant: str) -> None:
    graph = graph_of(everything, variant)
    assert not [tensor.name for tensor in graph.tensors if tensor.dtype.startswith("float")]
    assert not {"QUANTIZE", "DEQUANTIZE"} & {operator.name for operator in graph.operators}
    assert {tensor.dtype for tensor in flatbuffer.activations(graph)} == {INTEGER_ONLY[variant]}
    for numbers in (graph.inputs, graph.outputs):
        assert {graph.tensors[number].dtype for number in numbers.values()} == {INTEGER_ONLY[variant]}


@pytest.mark.parametrize("variant", ["float16", "converter_float16"])
def test_a_float16_file_s_weights_are_float16(everything: Path, variant: str) -> None:
    large = [tensor for tensor in flatbuffer.constants(graph_of(everything, variant)) if np.prod(tensor.shape) > 64]
    assert large
    assert {tensor.dtype for tensor in large} == {"float16"}


@pytest.mark.parametrize("variant", ["int8_float_io", "converter_int8_fallback"])
def test_float_at_the_boundary_integers_inside(everything: Path, variant: str) -> None:
    graph = graph_of(everything, variant)
    for numbers in (graph.inputs, graph.outputs):
        assert {graph.tensors[number].dtype for number in numbers.values()} == {"float32"}
    names = [operator.name for operator in graph.operators]
    assert (names[0], names[-1]) == ("QUANTIZE", "DEQUANTIZE")


def test_every_variant_is_smaller_than_float32_and_verified(everything: Path) -> None:
    rows = files.read_json(everything / paths.METRICS)["variants"]
    assert len(rows) == 11
    for name, row in rows.items():
        assert row["verified"], name
        assert row["drop"] <= 0.01, name
        assert name == "float32" or row["bytes"] < rows["float32"]["bytes"] * 0.6


def test_the_converter_reads_the_number_of_samples_it_is_told(everything: Path) -> None:
    call("dvc", "repro", cwd=everything)
    before = (everything / paths.variant_model("converter_int8")).read_bytes()
    names = ",".join(("float32", "converter_int8"))
    call("python", "-m", "pipeline.cli.compose", f"quantization=[{names}]", "calibrate.samples=3", cwd=everything)
    call("dvc", "repro", "quantize@converter_int8", cwd=everything)
    assert (everything / paths.variant_model("converter_int8")).read_bytes() != before
