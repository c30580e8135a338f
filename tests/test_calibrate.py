from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from pipeline.lib import files, paths
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
