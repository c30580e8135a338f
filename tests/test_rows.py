"""A variant that this network cannot have is a row of the report; everything else goes on. Real networks, real libraries."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import yaml

from pipeline import files, paths, predict
from pipeline.cli.compose import compose
from pipeline.errors import UserError
from pipeline.failures import failure_record
from pipeline.runtime import support
from pipeline.selection.decision_record import Decision
from pipeline.selection.metrics_report import Metrics
from pipeline.verification.verify_report import VerifyReport
from tests.helpers import ROOT, call
from tests.inprocess import configure, save_arrays, stage

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras saving a model

DEFAULT = ("float32", "float16", "dynamic_int8", "int8", "int16x8")
EACH = ("quantize", "predict", "verify", "benchmark")
LAST = ("evaluate", "select", "report")
N = 120


def started(folder: Path, model: keras.Model, variants: tuple[str, ...] = DEFAULT) -> Path:
    """A project with everything that comes before the variants."""
    rng = np.random.default_rng(0)
    shape = model.inputs[0].shape[1:]
    x = rng.uniform(-1, 1, (N, *shape)).astype(np.float32)
    folder.mkdir(parents=True, exist_ok=True)
    model.save(folder / "net.keras")
    labels = (np.arange(N) % 3).astype(np.int64)
    data = save_arrays(folder / "data.npz", x=x, labels=labels)
    configure(folder, model={"path": "net.keras"}, data=data, variants=variants, samples=N // 2)
    for name in ("load", "sample", "convert", "reference", "calibrate"):
        stage(folder, name)
    return folder


def finish(folder: Path, variants: tuple[str, ...]) -> None:
    for variant in variants:
        for name in EACH:
            stage(folder, name, variant)
    for name in LAST:
        stage(folder, name)


def set_params(folder: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    content = yaml.safe_load((folder / "params.yaml").read_text(encoding="utf-8"))
    change(content)
    (folder / "params.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")


def divided() -> keras.Model:
    """Shares of a sum that is 0 for half of the samples: as an integer the divisor is 0 then, which LiteRT's DIV refuses."""
    x = keras.Input((8,), name="x")
    parts = keras.layers.Dense(6, activation="relu", name="parts")(x)
    shares = parts / (keras.ops.sum(parts, axis=-1, keepdims=True) + 1e-3)
    model = keras.Model(x, keras.layers.Dense(3, activation="softmax", name="y")(shares))
    model.get_layer("parts").set_weights([np.tile(np.linspace(0.5, 1.5, 6), (8, 1)), np.zeros(6)])
    model.get_layer("y").set_weights([np.tile([1.0, 0.0, 0.0], (6, 1)), np.array([0.0, 0.5, 0.0])])
    return model


@pytest.fixture(scope="module")
def division(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every stage of a network whose int8 file cannot be run."""
    folder = started(tmp_path_factory.mktemp("division"), divided())
    finish(folder, DEFAULT)
    return folder


def test_a_kernel_that_stops_is_a_row_with_operator_layer_and_remedy(division: Path) -> None:
    failure = failure_record.read(division / paths.OUTPUTS / "int8")
    assert failure is not None
    assert (failure.failed, [place.operator for place in failure.places]) == ("predict", ["DIV"])
    assert "set `exclude: [DIV, ADD]` in conf/quantization/int8.yaml" in failure.remedy
    assert not list((division / paths.OUTPUTS / "int8").glob("*.npy"))
    for text in ("/tmp", "0x"):  # no place, no address: the bytes are the same everywhere
        assert text not in paths.failure(division / paths.OUTPUTS / "int8").read_text(encoding="utf-8")
    # The file was made, and its content is judged; what was not run is not verified.
    report = files.read_record(division / paths.VERIFY_REPORTS / "int8.json", VerifyReport)
    assert not report.passed
    assert report.certificate is not None
    assert report.certificate.passed
    assert [(check.name, check.reason) for check in report.checks if not check.passed] == [("runs", failure.sentence())]


def test_later_stages_take_it_as_a_row(division: Path) -> None:
    decision = files.read_record(division / paths.SELECTED / "decision.json", Decision)
    metrics = files.read_record(division / paths.METRICS, Metrics)
    assert list(decision.failures) == ["int8"]
    assert decision.selected != "int8"
    assert decision.reasons["int8"] == decision.failures["int8"].sentence()
    row = metrics.variants["int8"]
    assert row["verified"] is False
    assert row["bytes"] == (division / paths.variant_model("int8")).stat().st_size
    assert [row[name] for name in ("accuracy", "drop", "drop_high", "p_value", "sqnr_db")] == [None] * 5
    accuracy = files.read_json(division / paths.ACCURACY)
    assert set(accuracy["variants"]) == set(DEFAULT) - {"int8"}
    assert set(accuracy["failures"]) == {"int8"}
    summary = (division / paths.SUMMARY).read_text(encoding="utf-8")
    assert "| int8 | " in summary
    assert "`int8` cannot be run here: " in summary
    assert "exclude: [DIV, ADD]" in (division / paths.PAGE).read_text(encoding="utf-8")
    (plotted,) = [row for row in files.read_json(division / paths.PLOTS / "tradeoff.json") if row["variant"] == "int8"]
    assert "DIV" in plotted["failed"]
    table = call("python", "-m", "pipeline.cli.table", cwd=division, PYTHONPATH=str(ROOT)).stdout
    assert "| int8 | " in table


def test_the_remedy_is_true(division: Path) -> None:
    set_params(division, lambda params: params["variants"]["int8"].update(exclude=["DIV", "ADD"]))
    for name in EACH:
        stage(division, name, "int8")
    assert failure_record.read(division / paths.OUTPUTS / "int8") is None
    assert files.read_record(division / paths.VERIFY_REPORTS / "int8.json", VerifyReport).passed


@pytest.mark.parametrize(("strict", "code"), [(False, 0), (True, 1)])
def test_strict_fails_at_the_gate_with_the_reason(division: Path, tmp_path: Path, strict: bool, code: int) -> None:
    for path in (paths.METRICS, paths.SELECTED / "decision.json"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
    failure = {"variant": "int8", "failed": "predict", "happened": "it stops", "places": [], "remedy": "do this"}
    decision = files.read_json(division / paths.SELECTED / "decision.json") | {"failures": {"int8": failure}, "selected": "float32"}
    metrics = files.read_json(division / paths.METRICS) | {"selected": "float32", "conversion_verified": True}
    files.write_json(tmp_path / paths.SELECTED / "decision.json", decision)
    files.write_json(tmp_path / paths.METRICS, metrics)
    (tmp_path / "params.yaml").write_bytes((division / "params.yaml").read_bytes())
    set_params(tmp_path, lambda params: params["gate"].update(strict=strict))
    done = call("python", "-m", "pipeline.gate", cwd=tmp_path, check=False, PYTHONPATH=str(ROOT))
    assert done.returncode == code
    assert ("error: gate: int8 cannot be run here: it stops; do this" in done.stdout) == strict


def recurrent() -> keras.Model:
    x = keras.Input((6, 3), name="x")
    return keras.Model(x, keras.layers.Dense(3, activation="softmax", name="y")(keras.layers.LSTM(4, name="memory")(x)))


def test_a_loop_ends_in_a_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = started(tmp_path, recurrent())
    assert "convert: WHILE at memory: no static scheme can quantize it; such variants will be rows" in capsys.readouterr().out
    finish(folder, DEFAULT)
    decision = files.read_record(folder / paths.SELECTED / "decision.json", Decision)
    assert sorted(decision.failures) == ["int16x8", "int8"]
    for failure in decision.failures.values():
        assert [(place.operator, place.layers) for place in failure.places] == [("WHILE", ["memory"])]
        assert not (folder / paths.variant_model(failure.variant)).exists()
        report = files.read_record(folder / paths.VERIFY_REPORTS / f"{failure.variant}.json", VerifyReport)
        assert (report.passed, report.certificate, report.n) == (False, None, 0)
    metrics = files.read_record(folder / paths.METRICS, Metrics)
    assert metrics.conversion_verified
    assert metrics.variants["int8"]["bytes"] is None


def test_without_any_variant_that_can_be_there_is_a_report_too(tmp_path: Path) -> None:
    folder = started(tmp_path, recurrent(), ("int8",))
    finish(folder, ("int8",))
    assert files.read_record(folder / paths.SELECTED / "decision.json", Decision).selected is None
    assert "Nothing may be shipped" in (folder / paths.SUMMARY).read_text(encoding="utf-8")


def test_the_float32_variant_that_cannot_be_run_is_the_end(division: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ai_edge_litert.interpreter import Interpreter

    def refuse(self: Any) -> None:
        raise RuntimeError("no kernel")

    monkeypatch.setattr(Interpreter, "allocate_tensors", refuse)
    with pytest.raises(UserError, match=r"float32/model\.tflite: cannot be run here, .*: no kernel"):
        stage(division, "predict", "float32")
    assert not (division / paths.OUTPUTS / "float32" / "failure.json").exists()


def test_a_library_that_ends_the_process_is_a_row(division: Path, tmp_path: Path) -> None:
    """TensorFlow's calibrator does, for some recurrent networks; here an import of TensorFlow does."""
    for path in ("models", "data"):
        (tmp_path / path).symlink_to(division / path)
    composed = yaml.safe_load(compose(ROOT, ["quantization=[converter_int8]"]))["variants"]["converter_int8"]
    (tmp_path / "params.yaml").write_bytes((division / "params.yaml").read_bytes())
    set_params(tmp_path, lambda params: params.update(variants={"converter_int8": composed}, variant_names=["converter_int8"]))
    set_params(tmp_path, lambda params: params["variants"]["converter_int8"].update(samples=params["calibrate"]["samples"]))
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "tensorflow.py").write_text("import os\n\nos.abort()\n", encoding="utf-8")
    done = call("python", "-m", "pipeline.quantize", "converter_int8", cwd=tmp_path, PYTHONPATH=f"{tmp_path}/broken:{ROOT}")
    assert (
        "variants.converter_int8: could not be built: TFLiteConverter ends the process (SIGABRT); take the variant" in done.stdout
    )
    failure = failure_record.read(tmp_path / paths.VARIANTS / "converter_int8")
    assert failure is not None
    assert "float16 and dynamic_int8, calibrate nothing" in failure.remedy


def test_a_file_that_ends_the_process_is_a_row(division: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in ("models", "params.yaml"):
        (tmp_path / path).symlink_to(division / path)
    (tmp_path / "data").mkdir()
    (tmp_path / paths.EVALUATION).symlink_to(division / paths.EVALUATION)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(support, "require", lambda model: os.abort())
    monkeypatch.setattr(sys, "argv", ["predict", "float16"])
    predict.main()
    failure = failure_record.read(paths.OUTPUTS / "float16")
    assert failure is not None
    assert failure.sentence() == "cannot be run here: LiteRT ends the process (SIGABRT); take the variant out of `quantization`"
