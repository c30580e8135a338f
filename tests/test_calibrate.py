from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from pipeline import files, paths
from pipeline.quantization.range_estimators import METHODS
from pipeline.tflite import flatbuffer
from tests.helpers import ROOT, call, edited_params


@pytest.mark.filterwarnings("ignore:.*experimental_preserve_all_tensors.*")
def test_ranges_are_those_that_the_interpreter_shows(finished: Path) -> None:
    """Every tensor of every sample, looked at by hand."""
    model = Interpreter(model_path=str(finished / paths.FLOAT32), experimental_preserve_all_tensors=True, num_threads=1)
    model.allocate_tensors()
    seen: dict[str, list[np.ndarray]] = {}
    samples = files.read_samples(finished / paths.CALIBRATION)["image"]
    for sample in samples[:100]:
        model.set_tensor(model.get_input_details()[0]["index"], sample[np.newaxis])
        model.invoke()
        for detail in model.get_tensor_details():
            if detail["dtype"] is np.float32 and detail["name"]:
                seen.setdefault(detail["name"], []).append(model.get_tensor(detail["index"]))
    ranges = files.read_json(finished / paths.RANGES)
    assert ranges["samples"] == 100
    for name, (low, high) in ranges["bits"]["8"].items():
        values = np.concatenate([array.ravel() for array in seen[name]])
        np.testing.assert_allclose([low, high], [values.min(), values.max()], rtol=1e-6, atol=1e-7)


def test_min_max_does_not_depend_on_the_order_of_the_samples(finished: Path, tmp_path: Path) -> None:
    edited_params(finished, tmp_path, {"calibrate.samples": 200})
    for folder in (paths.CALIBRATION, paths.FLOAT32.parent):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / paths.FLOAT32).write_bytes((finished / paths.FLOAT32).read_bytes())
    pool = np.asarray(files.read_samples(finished / paths.CALIBRATION)["image"])
    results = []
    for order in (np.arange(200), np.random.default_rng(3).permutation(200)):
        with files.replacing(tmp_path / paths.CALIBRATION) as folder:
            files.write_samples(folder, ({"image": pool[i]} for i in order), count=200, labels=None)
        call("python", "-m", "pipeline.calibrate", cwd=tmp_path, PYTHONPATH=str(ROOT))
        results.append(files.read_json(tmp_path / paths.RANGES)["bits"])
    assert results[0] == results[1]


def test_more_samples_than_the_pool_holds(finished: Path, tmp_path: Path) -> None:
    edited_params(finished, tmp_path, {"calibrate.samples": 20, "data.splits.calibration.take": "rest"})
    (tmp_path / "models").mkdir()
    (tmp_path / paths.FLOAT32).write_bytes((finished / paths.FLOAT32).read_bytes())
    (tmp_path / "data").mkdir()
    files.write_samples(tmp_path / paths.CALIBRATION, [{"image": np.zeros((8, 8, 1), np.float32)}], count=1, labels=None)
    done = call("python", "-m", "pipeline.calibrate", cwd=tmp_path, check=False, PYTHONPATH=str(ROOT))
    assert done.returncode == 1
    assert "error: calibrate.samples: asks for 20, the pool holds 1; raise data.splits.calibration.take" in done.stdout


def calibrated(finished: Path, target: Path, **options: object) -> dict[str, object]:
    """The stage on the finished float32 file with other options; ranges.json and, under "printed", what it said."""
    edited_params(finished, target, {f"calibrate.{name}": value for name, value in options.items()})
    for path in (paths.FLOAT32, paths.CALIBRATION):
        if not (target / path).exists():
            (target / path).parent.mkdir(parents=True, exist_ok=True)
            (target / path).symlink_to(finished / path)
    done = call("python", "-m", "pipeline.calibrate", cwd=target, PYTHONPATH=str(ROOT))
    return {**files.read_json(target / paths.RANGES), "printed": done.stdout}


@pytest.mark.parametrize("method", [name for name, row in METHODS.items() if row.reads_histogram])
def test_histogram_methods_stay_within_what_was_seen(finished: Path, tmp_path: Path, method: str) -> None:
    widest = files.read_json(finished / paths.RANGES)["bits"]["8"]
    found = calibrated(finished, tmp_path, method=method, percentile=99.0)
    assert found["method"] == method
    cut = 0
    for bits, measured in found["bits"].items():  # type: ignore[attr-defined]
        assert set(measured) == set(widest)
        for name, (low, high) in measured.items():
            assert widest[name][0] <= low < high <= widest[name][1], (bits, name)
            cut += [low, high] != widest[name]
    assert cut >= 3
    assert all(0 <= value <= 1 for value in found["stability"].values())  # type: ignore[attr-defined]


def test_percentile_is_that_of_all_values_of_all_samples(finished: Path, tmp_path: Path) -> None:
    """The network's input is the one tensor that needs no interpreter to look at."""
    found = calibrated(finished, tmp_path, method="percentile", percentile=70.0, bins=4096, samples=60)
    pool = np.asarray(files.read_samples(finished / paths.CALIBRATION)["image"][:60])
    graph = flatbuffer.read(files.read_bytes(finished / paths.FLOAT32))
    _, high = found["bits"]["8"][graph.tensors[graph.inputs["image"]].name]  # type: ignore[index]
    assert high == pytest.approx(np.percentile(pool, 70.0), abs=1 / 4096)


def test_a_histogram_does_not_depend_on_the_order_of_the_samples(finished: Path, tmp_path: Path) -> None:
    pool = np.asarray(files.read_samples(finished / paths.CALIBRATION)["image"])
    results = []
    for number, order in enumerate((np.arange(200), np.random.default_rng(3).permutation(200))):
        target = tmp_path / str(number)
        (target / "data").mkdir(parents=True)
        files.write_samples(target / paths.CALIBRATION, ({"image": pool[i]} for i in order), count=200, labels=None)
        results.append(calibrated(finished, target, method="mse", samples=200)["bits"])
    assert results[0] == results[1]


def test_dead_and_constant_tensors_are_reported(finished: Path, tmp_path: Path) -> None:
    """Black images: the input is dead, and what a network makes of them is the same for all samples."""
    (tmp_path / "data").mkdir()
    black = ({"image": np.zeros((8, 8, 1), np.float32)} for _ in range(5))
    files.write_samples(tmp_path / paths.CALIBRATION, black, count=5, labels=None)
    found = calibrated(finished, tmp_path, samples=5)
    graph = flatbuffer.read(files.read_bytes(finished / paths.FLOAT32))
    source = graph.tensors[graph.inputs["image"]].name
    assert found["dead"] == [source]
    assert set(found["constant"]) >= {source}  # type: ignore[call-overload]
    assert f"calibrate: {source} is always 0 (dead) on all 5 samples: its range says nothing" in str(found["printed"])


def test_a_tensor_that_is_infinite_on_a_sample_has_no_range_and_is_named(finished: Path, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    images = np.zeros((5, 8, 8, 1), np.float32)
    images[3, 2, 2] = np.inf
    files.write_samples(tmp_path / paths.CALIBRATION, ({"image": image} for image in images), count=5, labels=None)
    found = calibrated(finished, tmp_path, samples=5)
    graph = flatbuffer.read(files.read_bytes(finished / paths.FLOAT32))
    source = graph.tensors[graph.inputs["image"]].name
    assert source in found["infinite"]  # type: ignore[operator]
    assert all(source not in measured for measured in (*found["bits"].values(), found["stability"]))  # type: ignore[attr-defined]
    assert f"calibrate: {source} holds infinity or NaN on some of the 5 samples" in str(found["printed"])
