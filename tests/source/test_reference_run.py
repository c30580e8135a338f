import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pipeline.source import reference_run
from pipeline.source.tensorflow_setup import SIGNATURE, tf
from tests.helpers import ROOT


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("batch", [1, 3, None])
def test_every_sample_once_and_in_order(tmp_path: Path, batch: int | None, workers: int) -> None:
    traced = tf.function(lambda x: {"twice": 2 * x}).get_concrete_function(tf.TensorSpec([batch, 2], tf.float32, "x"))
    tf.saved_model.save(tf.Module(), str(tmp_path / "m"), signatures={SIGNATURE: traced})
    samples = np.arange(14, dtype=np.float32).reshape(7, 2)
    rows = [row["twice"] for row in reference_run.run_saved_model(tmp_path / "m", {"x": samples}, batch=batch, workers=workers)]
    np.testing.assert_array_equal(rows, 2 * samples)


@pytest.mark.parametrize("batch", [1, 3, None])
def test_shards_of_whole_batches_have_the_outputs_of_all(tmp_path: Path, batch: int | None) -> None:
    """A network whose outputs tell what is beside a sample in its batch, and whose variables are in files of their own."""
    module = tf.Module()
    module.scale = tf.Variable(3.0)
    module.f = tf.function(lambda x: {"y": module.scale * x + tf.reduce_sum(x)})
    concrete = module.f.get_concrete_function(tf.TensorSpec([batch, 2], tf.float32, "x"))
    tf.saved_model.save(module, str(tmp_path / "m"), signatures={SIGNATURE: concrete})
    x = np.random.default_rng(2).normal(size=(8, 2)).astype(np.float32)
    whole = [row["y"] for row in reference_run.run_saved_model(tmp_path / "m", {"x": x}, batch=batch)]
    content = reference_run.packed(tmp_path / "m")
    (tmp_path / "m").rename(tmp_path / "gone")
    parts = [reference_run.run_shard({"x": x[i : i + 3]}, content, batch)["y"] for i in range(0, 8, 3)]
    assert np.concatenate(parts).tobytes() == np.stack(whole).tobytes()


def test_the_same_bits_whatever_the_number_of_cores(tmp_path: Path) -> None:
    """A sum that TensorFlow would share out over the cores of an operator."""
    kernel = tf.constant(np.random.default_rng(0).normal(size=(3, 3, 48, 64)), tf.float32)
    traced = tf.function(lambda x: {"y": tf.nn.conv2d(x, kernel, 1, "SAME")}).get_concrete_function(
        tf.TensorSpec([1, 56, 56, 48], tf.float32, "x")
    )
    tf.saved_model.save(tf.Module(), str(tmp_path / "m"), signatures={SIGNATURE: traced})
    np.save(tmp_path / "x.npy", np.random.default_rng(1).normal(size=(4, 56, 56, 48)).astype(np.float32))
    script = (
        "import hashlib, os, sys, pathlib, numpy as np\n"
        "if sys.argv[2] == '1':\n    os.sched_setaffinity(0, [next(iter(os.sched_getaffinity(0)))])\n"
        "from pipeline.source import reference_run\n"
        "folder = pathlib.Path(sys.argv[1])\n"
        "rows = reference_run.run_saved_model(folder / 'm', {'x': np.load(folder / 'x.npy')}, batch=1, workers=int(sys.argv[2]))\n"
        "print(hashlib.sha256(b''.join(row['y'].tobytes() for row in rows)).hexdigest())\n"
    )
    commands = [[sys.executable, "-c", script, str(tmp_path), cores] for cores in ("1", "2")]
    one, two = (subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout for command in commands)
    assert one == two


def test_an_operation_that_tensorflow_cannot_run_here(tmp_path: Path) -> None:
    """Without oneDNN, which sums in another order on each machine, there are no convolutions with channels first."""
    kernel = tf.ones((3, 3, 2, 4))
    traced = tf.function(lambda x: {"y": tf.nn.conv2d(x, kernel, 1, "SAME", data_format="NCHW")}).get_concrete_function(
        tf.TensorSpec([1, 2, 5, 5], tf.float32, "x")
    )
    tf.saved_model.save(tf.Module(), str(tmp_path / "m"), signatures={SIGNATURE: traced})
    code = (
        "import sys, numpy as np; from pathlib import Path; from pipeline.source import reference_run\n"
        "list(reference_run.run_saved_model(Path(sys.argv[1]), {'x': np.zeros((1, 2, 5, 5), np.float32)}, batch=1))"
    )
    # A process of its own: another test may have imported TensorFlow with oneDNN.
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "m")], cwd=ROOT, check=False, capture_output=True, text=True)
    assert "UserError: model.path: TensorFlow cannot run the network here: The Conv2D op" in done.stderr
    assert "NCHW" in done.stderr.splitlines()[-1]
