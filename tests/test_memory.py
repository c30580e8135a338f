"""An evaluation set larger than memory: ten times the samples take the same memory within 20 %."""

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from pipeline import files
from pipeline.cli.bench_projects import children
from pipeline.source.tensorflow_setup import tf
from tests.inprocess import ROOT, configure
from tests.test_bad_data import network


def peak_anonymous_kb(command: list[str], cwd: Path) -> int:
    """The most memory that a command, or a process it started, held and the system cannot take back: no pages of mapped files."""
    process = subprocess.Popen(command, cwd=cwd, env={**os.environ, "PYTHONPATH": str(ROOT)}, stderr=subprocess.DEVNULL)
    peak = 0
    while process.poll() is None:
        for pid in (process.pid, *children(process.pid)):
            try:
                status = Path(f"/proc/{pid}/status").read_text()
            except OSError:
                continue
            found = [int(line.split()[1]) for line in status.splitlines() if line.startswith("RssAnon:")]
            peak = max([peak, *found])
        time.sleep(0.002)
    assert process.wait() == 0
    return peak


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads /proc (Linux)")
@pytest.mark.parametrize("compressed", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_sampling_does_not_hold_the_samples(compressed: bool, tmp_path: Path) -> None:
    """Ten times the samples, the same memory within 20 %: 154 MB of samples at the most, in a process of some 100 MB."""
    peaks = {}
    for count in (200, 2000):
        project = tmp_path / str(count)
        project.mkdir()
        pixels = np.random.default_rng(1).integers(0, 256, (count, 80, 80, 3)).astype(np.uint8)
        (np.savez_compressed if compressed else np.savez)(project / "d.npz", image=pixels, labels=np.arange(count) % 2)
        del pixels
        data = {
            "path": str(project / "d.npz"),
            "reader": {"name": "npz", "options": {"inputs": {"image": "image"}, "labels": "labels"}},
            "preprocess": [{"name": "rescale", "options": {"scale": 1 / 255}}],
        }
        network(project, image=([80, 80, 3], "float32"))
        configure(project, model={"path": "none"}, data=data, variants=["float32"])
        peaks[count] = peak_anonymous_kb([sys.executable, "-m", "pipeline.sample"], project)
    assert peaks[2000] <= 1.2 * peaks[200], peaks


def blurring(folder: Path, count: int) -> Path:
    """A project to predict in: so many pictures, each of its sample's number, and a network that leaves their middle as it is."""
    blur = tf.function(lambda image: {"blurred": tf.nn.avg_pool2d(image, 3, 1, "SAME")})
    concrete = blur.get_concrete_function(tf.TensorSpec([1, 80, 80, 3], tf.float32, "image"))
    tf.saved_model.save(tf.Module(), str(folder / "m"), signatures=concrete)
    model = tf.lite.TFLiteConverter.from_saved_model(str(folder / "m")).convert()
    project = folder / str(count)
    configure(project, model={"path": "none"}, data={"path": "none", "reader": {"name": "npz", "options": {}}})
    files.write_bytes(project / "models/variants/float32/model.tflite", model)
    pixels = ({"image": np.full((80, 80, 3), i, np.float32)} for i in range(count))
    (project / "data").mkdir()
    files.write_samples(project / "data/evaluation", pixels, count=count, labels=None)
    return project


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads /proc (Linux)")
def test_predicting_does_not_hold_inputs_or_outputs(tmp_path: Path) -> None:
    peaks = {}
    for count in (200, 2000):
        project = blurring(tmp_path, count)
        peaks[count] = peak_anonymous_kb([sys.executable, "-m", "pipeline.predict", "float32"], project)
        outputs = np.load(project / "data/outputs/float32/blurred.npy", mmap_mode="r")
        assert outputs[:, 40, 40, 1].tolist() == list(range(count))
    assert peaks[2000] <= 1.2 * peaks[200], peaks
