"""The schema: what a misspelt, mistyped or impossible configuration is answered with, at composition and at a stage's start."""

import re
from pathlib import Path

import pytest

from pipeline import config
from pipeline.cli.compose import compose
from pipeline.errors import UserError
from pipeline.quantization import schemes
from tests.helpers import ROOT, call

REFUSED = [
    (
        "+calibrate.sampels=3",
        "calibrate.sampels: unknown key (did you mean 'samples'?); allowed: bins, method, percentile, samples",
    ),
    ("calibrate.sampels=3", "calibrate.sampels: unknown key (did you mean 'samples'?); allowed: bins, method, percentile, samples"),
    ("modle.path=x", "modle: unknown key (did you mean 'model'?); allowed: benchmark, calibrate,"),
    ("seed=[1", "seed=[1: not readable as KEY=VALUE; a list is KEY=[A,B], and quotes hold text that is more than a word"),
    ("seed", "seed: not readable as KEY=VALUE"),
    ("calibrate=null", "conf: Config group override must be a string or a list. Got NoneType"),
    ("seed=${nothing}", "conf: Interpolation key 'nothing' not found"),
    ("model.path=''", "model.path: got ''; expected a text that is not empty"),
    ("data.path=''", "data.path: got ''; expected a text that is not empty"),
    ("data.name=''", "data.name: got ''; expected a text that is not empty"),
    ("+modle=resnet", "modle: unknown key (did you mean 'model'?); allowed: benchmark, calibrate,"),
    ("variants.int9.algorithm=mse", "variants.int9: unknown key (did you mean 'int8'?); allowed: dynamic_int8, float16,"),
    ("+variants.int9.algorithm=mse", "variants.int9.scheme: is missing"),
    ("calibrate.samples=many", "calibrate.samples: got 'many'; expected a whole number (at least 1)"),
    ("calibrate.samples=0", "calibrate.samples: got 0; expected a whole number (at least 1)"),
    ("calibrate.samples=300", "calibrate.samples: 300 is more than the calibration pool of data.splits.calibration.take: 200"),
    ("calibrate.samples=???", "calibrate.samples: has no value (???)"),
    ("calibrate.method=magic", "calibrate.method: unknown 'magic'; allowed: entropy, min_max, moving_average, mse, percentile"),
    (
        "quantization=[int7]",
        "quantization: no 'int7'; allowed: converter_dynamic, converter_float16,",
    ),
    ("model=resnet", "model: no 'resnet'; allowed: digits_cnn"),
    ("variants.int8.engine=tvm", "variants.int8: engine: got 'tvm'; allowed: litert, converter"),
    ("variants.int8.scheme=static_wi3", "variants.int8: scheme: engine litert has no 'static_wi3'; allowed: float32, float16,"),
    ("variants.int8.algorithm=magic", "algorithm: 'magic' is not sound for litert static_wi8_ai8; allowed: min_max, mse, octav"),
    ("variants.int8.io_dtype=int16", "io_dtype: 'int16' is not sound for litert static_wi8_ai8; allowed: int8, uint8, float32"),
    ("variants.int8.samples=5", "samples: litert static_wi8_ai8 min_max reads no samples: set it to null"),
    ("variants.int8.reads.network=models/other.tflite", "reads: is derived from engine, scheme, algorithm and search"),
    ("quantization=[mixed]", "variants.mixed.search: no search 'mixed'; have: none is configured"),
    ("quantization=[]", "conf: variants: none; choose some, as in `-S 'quantization=[float32,int8]'`"),
    ("variant_names=[int8]", "variant_names: expected the names of variants: float32, float16, dynamic_int8, int8, int16x8"),
    ("+task.heads.main.metrics.accuarcy={}", "task.heads.main.metrics: unknown 'accuarcy'; allowed: accuracy, "),
    ("task.primary_metric=f1", "task: primary_metric: 'f1' is not among metrics: accuracy, top_k_accuracy,"),
    ("~task.heads.main.metrics.accuracy", "task: primary_metric: 'accuracy' is not among metrics: top_k_accuracy"),
    (
        "+task.heads.main.metrics.roc_auc={}",
        "task.heads.main.metrics: roc_auc does not fit the task type classification; allowed: accuracy",
    ),
    (
        "+task.heads.main.metrics.top_k_accuracy.kk=3",
        "task.heads.main.metrics.top_k_accuracy: top_k_accuracy takes no 'kk'; allowed: k",
    ),
    ("~task.heads.main.metrics.top_k_accuracy.k", "task.heads.main.metrics.top_k_accuracy: top_k_accuracy needs 'k'"),
    (
        "task.heads.main.task_type.name=ranking",
        "task.heads.main.task_type.name: unknown 'ranking'; allowed: anomaly, binary, classification",
    ),
    (
        "+task.heads.main.task_type.options.softmax=true",
        "task.heads.main.task_type.options: classification takes no 'softmax'; allowed: logits",
    ),
    ("task.confidence=95", "task.confidence: got 95"),
    ("select.target=esp32", "select.target: got 'esp32'; expected 'tflite_micro' or null"),
    ("select.max_arena_bytes=9000", "select: max_arena_bytes: is measured on a target; set select.target=tflite_micro"),
    ("select.max_flash_bytes=9000", "select: max_flash_bytes: is measured on a target; set select.target=tflite_micro"),
    ("evaluate.on=training", "evaluate.on: got 'training'; expected 'all' or 'evaluation'"),
    ("evaluate.reads.tuning=data/tuning", "evaluate: reads: is derived from `on`; remove it from your configuration"),
    ("select.drop_bound=lower", "select.drop_bound: got 'lower'; expected 'estimate' or 'simultaneous' or 'upper'"),
    ("data.reader.name=parket", "data.reader.name: unknown 'parket'; allowed: image_folder, npy, npz, table, wav_folder"),
    ("+data.reader.options.color=red", "data.reader.options: npz takes no 'color'; allowed: inputs, labels, split"),
    (
        "data.splits.tuning.take=1.5",
        "take: got 1.5; expected a whole number (at least 1) or a number (above 0 and below 1) or 'rest'",
    ),
    ("select.max_drop=-0.1", "select.max_drop: got -0.1; expected a number (at least 0)"),
    ("select.objective=beauty", "select.objective: got 'beauty'; expected 'accuracy_per_byte' or 'bytes'"),
    ("model.batch=4", "model.batch: must be ${convert.batch}"),
    ("seed=-1", "seed: got -1"),
]


@pytest.mark.parametrize(("override", "message"), REFUSED)
def test_a_bad_configuration_is_refused_when_composed(override: str, message: str) -> None:
    with pytest.raises(UserError, match=re.escape(message)) as raised:
        compose(ROOT, [override])
    assert len(str(raised.value).splitlines()) <= 2 or "conf: " in str(raised.value).splitlines()[1]  # a line for each fault


def test_all_faults_are_listed_at_once() -> None:
    with pytest.raises(UserError, match=r"(?s)seed: got -1.*calibrate\.samples: got 'x'"):
        compose(ROOT, ["seed=-1", "calibrate.samples=x"])


def test_of_very_many_faults_the_first_are_listed() -> None:
    with pytest.raises(UserError) as refused:
        config.validate({}, source="params.yaml")
    lines = str(refused.value).splitlines()
    assert len(lines) == 11
    assert lines[0].startswith("params.yaml: seed: is missing")
    assert re.fullmatch(r"  params\.yaml: and \d+ more", lines[-1])


def test_a_variant_s_name_becomes_a_folder() -> None:
    with pytest.raises(UserError, match=r"'Int-8' becomes a folder: use small letters, digits and _"):
        compose(ROOT, ["+variants.Int-8=${variants.int8}"])


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        (
            "samples: 100",
            "samples: lots",
            "error: params.yaml: calibrate.samples: got 'lots'; expected a whole number (at least 1)",
        ),
        ("method: min_max", "metod: min_max", "error: params.yaml: calibrate.metod: unknown key (did you mean 'method'?)"),
        ("io_dtype: int8", "io_dtype: int4", "io_dtype: 'int4' is not sound"),
        ("calibrate:", "calibrate: [", "; run `make params` to compose it again"),
    ],
)
def test_a_hand_edited_params_file_is_refused(finished: Path, tmp_path: Path, before: str, after: str, message: str) -> None:
    text = (finished / "params.yaml").read_text(encoding="utf-8")
    assert before in text
    (tmp_path / "params.yaml").write_text(text.replace(before, after, 1), encoding="utf-8")
    done = call("python", "-m", "pipeline.calibrate", cwd=tmp_path, check=False, PYTHONPATH=str(ROOT))
    assert done.returncode == 1
    assert message in done.stdout
    assert "Traceback" not in done.stdout


def test_no_params_file(tmp_path: Path) -> None:
    done = call("python", "-m", "pipeline.calibrate", cwd=tmp_path, check=False, PYTHONPATH=str(ROOT))
    assert done.returncode == 1
    assert "error: params.yaml: no such file; run `make params` in the repository's root" in done.stdout


def test_an_unknown_variant_names_those_there_are(project: Path) -> None:
    done = call("python", "-m", "pipeline.quantize", "int9", cwd=project, check=False)
    assert done.returncode == 1
    assert "error: params.yaml: variants: no 'int9'; have: float32, float16, dynamic_int8, int8, int16x8" in done.stdout


def test_installed_names_the_distribution_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(config.DISTRIBUTIONS, "tensorflow", ("no-such-distribution",))
    with pytest.raises(UserError, match="no-such-distribution is not installed; run `make setup`"):
        config.installed("tensorflow")


@pytest.mark.parametrize(("engine", "scheme"), [(engine, scheme) for engine, table in schemes.SCHEMES.items() for scheme in table])
@pytest.mark.parametrize("search", [None, "mixed"])
def test_the_slots_name_three_different_paths(engine: str, scheme: str, search: str | None) -> None:
    """DVC refuses the same dependency twice."""
    for algorithm in schemes.SCHEMES[engine][scheme].algorithms:
        slots = config.reads(engine, scheme, algorithm, search)
        assert len({slots.network, slots.calibration, slots.recipe}) == 3


def test_a_variant_reads_what_it_needs_and_no_more() -> None:
    assert config.reads("litert", "static_wi8_ai8", "min_max", None).calibration == "models/ranges.json"
    assert config.reads("litert", "dynamic_wi4_afp32", "min_max", None).calibration == "models/source.json"
    assert config.reads("litert", "dynamic_wi4_afp32", "gptq", None).calibration == "data/calibration"
    assert config.reads("converter", "static_wi8_ai8", "min_max", None).calibration == "data/calibration"
    assert config.reads("litert", "float16", "none", None).calibration == "models/source.json"
    assert config.reads("litert", "mixed", "recipe", "mixed").recipe == "models/recipes/mixed.json"
