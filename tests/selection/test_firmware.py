import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipeline import files, paths
from pipeline.micro import comparison, simulation, tflm
from pipeline.micro.simulation_report import Arena, Simulation
from pipeline.runtime import interpreter
from pipeline.selection import c_array, firmware
from pipeline.tflite import flatbuffer
from tests import records
from tests.graphs import graph, tensor
from tests.helpers import ROOT, TFLM

# Loads TFLM and a firmware over it, and runs it on samples.
_ON_TFLM = """
import ctypes, sys
import numpy as np
from tflite_micro.python.tflite_micro import _runtime
ctypes.CDLL(_runtime.__file__, ctypes.RTLD_GLOBAL)
firmware = ctypes.CDLL(sys.argv[1])
if firmware.SetUp():
    sys.exit(7)
samples = np.load(sys.argv[2])
results = np.zeros((len(samples), int(sys.argv[4])), np.float32)
address = lambda array: array.ctypes.data_as(ctypes.c_void_p)
assert not any(firmware.Run(address(sample), address(result)) for sample, result in zip(samples, results))
np.save(sys.argv[3], results)
"""


def _text(finished: Path, variant: str, simulated: Simulation | None) -> str | None:
    model = files.read_bytes(finished / paths.variant_model(variant))
    return firmware.source(flatbuffer.read(model), simulated, network="digits_cnn", array="g_model")


def test_says_what_one_file_needs(finished: Path) -> None:
    text = _text(finished, "int8", records.simulation())
    assert text is not None
    assert "constexpr size_t kArenaBytes = 6384;" in text
    assert "  static MicroMutableOpResolver<2> resolver;\n  resolver.AddConv2D();\n  resolver.AddSoftmax();\n" in text
    assert "// input 0, image: int8 [1, 8, 8, 1]. value = (code + 128) * scale\n" in text
    assert "constexpr float kInput0Scale = 0.00392156886f;\nconstexpr int kInput0ZeroPoint = -128;\n" in text
    assert np.float32("0.00392156886") == np.float32(1 / 255)
    assert 'extern "C" int Run(const float* input_image, float* output_probabilities) {' in text
    assert "GetModel(g_model)" in text


def test_without_a_target_or_where_it_refuses_there_is_none(finished: Path) -> None:
    assert _text(finished, "int8", None) is None
    assert _text(finished, "int8", records.simulation(passed=False, reason="no", arena=None)) is None


def test_a_float_file_quantizes_nothing_and_an_arena_is_a_multiple_of_its_alignment(finished: Path) -> None:
    held = Arena(bytes=15188, persistent_bytes=2900, reused_bytes=12288)
    text = _text(finished, "float32", records.simulation(arena=held))
    assert text is not None
    assert "kArenaBytes = 15200;" in text
    assert "Quantized" not in text
    assert "Scale" not in text
    assert "input_codes0[i] = input_image[i];" in text


def test_names_become_words_of_c_and_ends_are_numbered_as_tflm_does() -> None:
    left, right = tensor((1, 3), "int16", scale=2.0), replace(tensor((1, 2)), name="b")
    made = graph("ADD", [left, right], tensor((1, 3), "bool"))
    main = replace(made.subgraphs[0], inputs=(0, 1))
    made = replace(made, inputs={"b/c d:0": 1, "b.c d:0\nint evil;": 0}, subgraphs=[main])
    text = firmware.source(made, records.simulation(), network="n */ evil", array="g_model")
    assert text is not None
    assert "Run(const float* input_b_c_d_0_int_evil, const float* input_b_c_d_0, bool* output_" in text
    assert "// input 0, b.c d:0?int evil;: int16 [1, 3]" in text
    assert "kInput0Scale = 2.0f;" in text
    assert "interpreter->input(1)->data.f;" in text


def _built(finished: Path, folder: Path, variant: str, changes: Mapping[str, str]) -> tuple[Path, tflm.Run, np.ndarray]:
    model = files.read_bytes(finished / paths.variant_model(variant))
    samples = np.asarray(files.read_samples(finished / paths.EVALUATION)["image"])
    graph = flatbuffer.read(model)
    codes = interpreter.quantized(samples, comparison.detail(graph.tensors[graph.inputs["image"]]))
    run = tflm.run(model, [codes], workers=1)
    judged = files.read_arrays(finished / paths.OUTPUTS / variant)
    report = simulation.simulate(variant, model, {"image": samples}, judged, version="0.dev1", workers=1)
    text = str(firmware.source(graph, report, network="digits_cnn", array="g_model"))
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    (folder / "main.cc").write_text(text, encoding="utf-8")
    (folder / "model.h").write_text(c_array.header(name="g_model"), encoding="utf-8")
    (folder / "model.cc").write_text(c_array.source(model, name="g_model", include="model.h"), encoding="utf-8")
    _compile(folder, "-shared", "-o", str(folder / "firmware.so"))
    return folder / "firmware.so", run, samples


def _compile(folder: Path, *options: str) -> None:
    sources = [str(folder / "main.cc"), str(folder / "model.cc")]
    common = ["g++", "-std=c++17", "-Wall", "-Wextra", "-Werror", "-fPIC", f"-I{ROOT / 'tests' / 'firmware'}"]
    subprocess.run([*common, *options, *sources], check=True)


def _started(library: Path, folder: Path, samples: np.ndarray) -> int:
    np.save(folder / "samples.npy", np.ascontiguousarray(samples, np.float32))
    command = [sys.executable, "-c", _ON_TFLM, str(library), str(folder / "samples.npy"), str(folder / "out.npy"), "10"]
    return subprocess.run(command, check=False).returncode


@pytest.mark.slow
@pytest.mark.skipif(not TFLM, reason="tflite-micro exists for Linux on x86-64 alone")
@pytest.mark.parametrize("variant", ["int8", "int16x8", "float32"])
def test_the_firmware_compiles_and_runs_on_tflm_itself(finished: Path, tmp_path: Path, variant: str) -> None:
    """The headers are the tests' own, with TFLM's signatures; what is made with them is loaded over the binary of tflite-micro."""
    library, run, samples = _built(finished, tmp_path, variant, {})
    assert _started(library, tmp_path, samples) == 0
    graph = flatbuffer.read(files.read_bytes(finished / paths.variant_model(variant)))
    expected = interpreter.real(run.outputs[0], comparison.detail(graph.tensors[graph.outputs["probabilities"]]))
    np.testing.assert_array_equal(np.load(tmp_path / "out.npy"), expected)
    # As TFLM was before its namespace changed.
    _compile(tmp_path, "-shared", "-DTFLM_IN_TFLITE", "-o", str(tmp_path / "before.so"))


@pytest.mark.slow
@pytest.mark.skipif(not TFLM, reason="tflite-micro exists for Linux on x86-64 alone")
@pytest.mark.parametrize("changes", [{"  resolver.AddSoftmax();\n": ""}, {"kArenaBytes = 6384": "kArenaBytes = 5600"}])
def test_a_missing_operator_or_a_smaller_arena_does_not_start(finished: Path, tmp_path: Path, changes: dict[str, str]) -> None:
    library, _, samples = _built(finished, tmp_path, "int8", changes)
    assert _started(library, tmp_path, samples) == 7
