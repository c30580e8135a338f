"""Every pair of scheme, granularity and algorithm: shown to work, or refused, and then shown not to."""

import itertools
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from pipeline import paths
from pipeline.cli.compose import compose
from pipeline.errors import UserError
from pipeline.quantization import schemes
from pipeline.tflite import flatbuffer
from tests.helpers import ROOT
from tests.networks import Measured

PAIRS = [(engine, scheme) for engine, table in schemes.SCHEMES.items() for scheme in table]
# Every combination that the tables can spell, refused or not.
COMBINATIONS = [
    (name, algorithm, granularity)
    for name, scheme in schemes.SCHEMES["litert"].items()
    if name not in ("float32", "mixed")
    for algorithm, granularity in itertools.product(scheme.algorithms, scheme.granularities)
]
SOUND = [row for row in COMBINATIONS if schemes.refusal(*row) is None]
REFUSED = [row for row in COMBINATIONS if schemes.refusal(*row) is not None]


@pytest.mark.parametrize(("scheme", "algorithm", "granularity"), SOUND)
def test_a_sound_pair_changes_the_bytes_runs_and_passes_verification(
    digits: Measured, scheme: str, algorithm: str, granularity: str
) -> None:
    facts = schemes.SCHEMES["litert"][scheme]
    made = digits.quantized(scheme, algorithm, granularity, facts.io_dtype[0])
    graph = flatbuffer.read(made)
    assert facts.weights in {tensor.dtype for tensor in flatbuffer.constants(graph)}
    if algorithm != "hadamard_decomposed":  # which stores its rotation as a matrix of float32
        assert len(made) < len(digits.model) * 0.6
    assert digits.failures(made, scheme) == []


@pytest.mark.parametrize(
    ("scheme", "io_dtype"),
    [(name, io_dtype) for name, row in schemes.SCHEMES["litert"].items() if name != "mixed" for io_dtype in row.io_dtype],
)
def test_every_boundary_is_what_was_asked_for(digits: Measured, scheme: str, io_dtype: str) -> None:
    facts = schemes.SCHEMES["litert"][scheme]
    if scheme == "float32":
        return
    made = digits.quantized(scheme, facts.algorithms[0], facts.granularities[0], io_dtype)
    graph = flatbuffer.read(made)
    assert {graph.tensors[i].dtype for i in (*graph.inputs.values(), *graph.outputs.values())} == {io_dtype}
    if io_dtype == "float32":
        return
    assert not [tensor.name for tensor in graph.tensors if tensor.dtype.startswith("float")]
    inside = {tensor.dtype for tensor in flatbuffer.activations(graph)} - {"uint8"}
    assert inside == {facts.activations}
    conversions = [operator.name for operator in graph.operators if operator.name in ("QUANTIZE", "DEQUANTIZE")]
    # uint8 differs from int8 by its zero point: the converter, too, moves it by a QUANTIZE from integers to integers.
    assert conversions == (["QUANTIZE", "QUANTIZE"] if io_dtype == "uint8" else [])


@pytest.mark.parametrize("row", schemes.REFUSALS, ids=lambda row: row.reason[:40])
def test_a_refusal_says_why_and_covers_something(row: schemes.Refusal) -> None:
    assert any(schemes.refusal(*pair) == row.reason for pair in REFUSED)
    assert "use" in row.reason


def test_every_scheme_keeps_something_sound() -> None:
    assert {scheme for scheme, _, _ in SOUND} == {scheme for scheme, _, _ in COMBINATIONS}


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("algorithm=gptq", "static_wi8_ai8 with algorithm gptq and granularity channel: refused: with static activations"),
        ("algorithm=hadamard", "refused: the rotation is computed in float, so operators would stay in float"),
        ("algorithm=oscar", "refused: OSCAR scales activations by a float MUL"),
        ("granularity=block32", "refused: LiteRT has blockwise kernels for int4 weights only"),
        ("granularity=block16", "granularity: 'block16' is not sound for litert static_wi8_ai8; allowed: channel, tensor, block32"),
        ("scheme=dynamic_wi2_afp32", "has no 'dynamic_wi2_afp32' (int2 weights have the levels -1, 0 and 1"),
        ("algorithm=dequantized_weight_recovery", "(it recovers the integers of weights that were quantized before, in training"),
        ("io_dtype=int4", "io_dtype: 'int4' is not sound for litert static_wi8_ai8; allowed: int8, uint8, float32"),
        ("search=mixed", "search: a variant of scheme mixed, and no other, names the search"),
    ],
)
def test_the_schema_refuses_an_unsound_pair_with_the_reason(override: str, message: str) -> None:
    with pytest.raises(UserError, match=re.escape(message)):
        compose(ROOT, [f"variants.int8.{override}"])


def test_exclude_is_for_quantizing_schemes_of_the_litert_engine() -> None:
    for name in ("float32", "converter_int8"):
        with pytest.raises(UserError, match=r"exclude: \w+ \w+ has no operators to choose from"):
            compose(ROOT, [f"quantization=[{name}]", f"variants.{name}.exclude=[CONV_2D]"])


BUILD = """
import json, sys
from pipeline.quantization import quantizer, schemes
from pipeline.runtime import interpreter
from pipeline.tflite import flatbuffer
schemes.REFUSALS = ()
from tests.networks import Made, measured
from pathlib import Path
finished, scheme, algorithm, granularity = sys.argv[1:]
from pipeline import files, paths
root = Path(finished)
digits = measured(Made(root / paths.SOURCE, files.read_bytes(root / paths.FLOAT32), []), root)
made = digits.quantized(scheme, algorithm, granularity, schemes.SCHEMES["litert"][scheme].io_dtype[0])
found = digits.figures(made)
graph = flatbuffer.read(made)
import hashlib
print(json.dumps({"sqnr": found["sqnr_db"], "float": any(t.dtype == "float32" for t in flatbuffer.activations(graph)),
    "sha": hashlib.sha256(made).hexdigest()}))
"""


def build_apart(finished: Path, scheme: str, algorithm: str, granularity: str) -> dict[str, object] | None:
    """A refused pair in a process of its own, which it may abort; None when nothing came of it."""
    command = [sys.executable, "-c", BUILD, str(finished), scheme, algorithm, granularity]
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True, env={"PYTHONPATH": str(ROOT), "PATH": ""})
    return json.loads(done.stdout.splitlines()[-1]) if done.returncode == 0 else None


@pytest.mark.slow
@pytest.mark.parametrize(("scheme", "algorithm", "granularity"), [row for row in REFUSED if row[2] in ("channel", "tensor")])
def test_a_refused_pair_is_indeed_unsound(finished: Path, scheme: str, algorithm: str, granularity: str) -> None:
    """It fails, gives another network, leaves floats in what should be integers, or is another scheme under its name."""
    found = build_apart(finished, scheme, algorithm, granularity)
    if found is None:
        return
    facts = schemes.SCHEMES["litert"][scheme]
    without = build_apart(finished, scheme, "min_max", granularity)
    other = build_apart(finished, scheme.replace("weightonly", "dynamic"), algorithm, granularity)
    assert without is not None
    broken = found["sqnr"] is None or found["sqnr"] < without["sqnr"] - 8  # type: ignore[operator]
    floats = facts.integer_only and found["float"]
    disguised = scheme.startswith("weightonly") and other is not None and abs(found["sqnr"] - other["sqnr"]) < 2  # type: ignore[operator]
    assert broken or floats or disguised


def test_the_number_of_samples_follows_the_algorithm() -> None:
    names = "quantization=[dynamic_int4,dynamic_int4_gptq]"
    variants = yaml.safe_load(compose(ROOT, [names, "calibrate.samples=60"]))["variants"]
    assert variants["dynamic_int4"]["samples"] is None
    assert variants["dynamic_int4_gptq"]["samples"] == 60
    assert variants["dynamic_int4_gptq"]["reads"]["calibration"] == paths.CALIBRATION.as_posix()


def test_every_file_of_variants_composes_and_says_what_it_is_for() -> None:
    folder = ROOT / "conf" / "quantization"
    names = sorted(path.stem for path in folder.glob("[a-z]*.yaml"))
    composed = yaml.safe_load(compose(ROOT, [f"quantization=[{','.join(names)}]", "search=[mixed]"]))["variants"]
    assert set(composed) == set(names)
    for name in names:
        lines = (folder / f"{name}.yaml").read_text(encoding="utf-8").splitlines()
        assert lines[0] == f"# @package variants.{name}"
        assert lines[1].startswith("# ")
    offered = {(row["engine"], row["scheme"]) for row in composed.values()}
    assert offered == set(PAIRS)
    assert {row["algorithm"] for row in composed.values()} >= {"min_max", "octav", "gptq", "oscar", "hadamard"}
