import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import accuracy_score

from benchmarks import invoke_loop
from pipeline.cli import bench
from pipeline.cli.bench_table import GOALS
from pipeline.runtime import interpreter
from pipeline.verification import float32_proof
from tests.helpers import ROOT, call


@pytest.fixture(scope="module")
def network() -> tuple[float32_proof.Source, bytes]:
    return bench.mobilenetv2()


def test_every_goal_is_measured() -> None:
    assert list(bench.MEASUREMENTS) == [goal.name for goal in GOALS]
    listed = call("python", "-m", "pipeline.cli.bench", "--list", cwd=ROOT).stdout.split()
    assert listed == [*bench.MEASUREMENTS, "search"]


def test_an_unknown_name_is_refused() -> None:
    done = call("python", "-m", "pipeline.cli.bench", "--only", "digit", cwd=ROOT, check=False)
    assert done.returncode == 1
    assert "--only: unknown 'digit'; allowed: beside, calibrate, " in done.stdout


def test_two_things_are_measured_in_turn_and_the_first_of_each_is_left_out() -> None:
    order: list[str] = []

    def figure(name: str) -> float:
        order.append(name)
        return len(order)

    case = bench.alternate(lambda: figure("here"), lambda: figure("other"), rounds=2)
    assert order == ["here", "other"] * 3
    assert (case.here, case.other) == ([3, 5], [4, 6])
    order.clear()
    case = bench.alternate(lambda: figure("here"), lambda: figure("other"), rounds=2, warm=False)
    assert (case.here, case.other) == ([1, 3], [2, 4])


@pytest.mark.slow
def test_a_changed_limit_runs_the_judgement_only(finished: Path, tmp_path: Path) -> None:
    shutil.copytree(finished, tmp_path / "digits", symlinks=True)
    (case,) = bench.limit_changed(bench.Setting(tmp_path, rounds=1))
    assert (case.label, case.fault) == ("ran: gate, report, select", "")
    assert len(case.here) == len(case.other) == 1


@pytest.mark.slow
def test_the_script_gives_the_accuracies_that_scikit_learn_gives(tmp_path: Path) -> None:
    modes = ("float32", "float16", "dynamic", "int8", "int16x8")
    given = ("--model", "models/digits_cnn.keras", "--data", "data/digits.npz", "--scale", "0.0625", "--evaluation", "450")
    command = ("python", "benchmarks/tutorial_script.py", *given, "--out", str(tmp_path), "--modes")
    scores = json.loads(call(*command, *modes, cwd=ROOT).stdout.splitlines()[-1])
    assert list(scores) == ["original", *modes]
    data = np.load(ROOT / "data" / "digits.npz")
    held_out = data["split"] == "held_out"
    images, labels = data["images"][held_out][-450:].astype(np.float32) / 16, data["labels"][held_out][-450:]
    original = np.load(tmp_path / "original.npy")
    assert scores["original"]["accuracy"] == accuracy_score(labels, original.argmax(1)) > 0.97
    for mode in modes:
        model = (tmp_path / f"{mode}.tflite").read_bytes()
        (name,) = interpreter.open_model(model).get_input_details()
        (outputs,) = interpreter.predict(model, {name: images}, workers=1).values()
        assert scores[mode]["accuracy"] == accuracy_score(labels, outputs.argmax(1)) > 0.97
        assert scores[mode]["agreement"] == accuracy_score(original.argmax(1), outputs.argmax(1))
        assert scores[mode]["max_error"] == pytest.approx(np.abs(outputs - original).max(), rel=1e-5)
        assert scores[mode]["bytes"] == len(model)
    # A later run goes on from what is there, and comes to the same.
    (tmp_path / "int8.tflite").unlink()
    kept = (tmp_path / "original.npy").stat().st_mtime_ns
    again = json.loads(call(*command, "int8", cwd=ROOT).stdout.splitlines()[-1])
    assert again == {mode: scores[mode] for mode in ("original", "int8")}
    assert (tmp_path / "original.npy").stat().st_mtime_ns == kept


def test_the_bare_loop_runs_float_and_integer_files(finished: Path) -> None:
    samples = np.load(finished / "data/evaluation/inputs/image.npy", mmap_mode="r")[:20]
    for variant in ("float32", "int8"):
        model = finished / "models/variants" / variant / "model.tflite"
        assert invoke_loop.seconds(model.read_bytes(), samples) > 0
    command = ("python", str(ROOT / "benchmarks/invoke_loop.py"), str(model), "data/evaluation/inputs/image.npy", "20")
    assert re.search(r"^[\d.]+ samples a second$", call(*command, cwd=finished).stdout, re.MULTILINE)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras saving a model
@pytest.mark.slow
def test_the_search_of_mobilenetv2_finds_a_file_within_its_budget(network: tuple[float32_proof.Source, bytes]) -> None:
    said = bench.search_of_mobilenetv2(
        *network, 2, "searches.mixed.samples=1", "searches.mixed.steps=3", "searches.mixed.choices=[static_wi8_ai8,float32]"
    )
    assert re.search(r"operators, 2 samples: \d+ s; searches\.mixed: [\d,]+ bytes, [\d.]+ dB after 3 steps, which ran out", said)
