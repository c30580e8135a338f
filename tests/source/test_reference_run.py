from pathlib import Path

import numpy as np
import pytest

from pipeline.source import reference_run
from pipeline.source.tensorflow_setup import SIGNATURE, tf


@pytest.mark.parametrize("batch", [1, 3, None])
def test_every_sample_once_and_in_order(tmp_path: Path, batch: int | None) -> None:
    traced = tf.function(lambda x: {"twice": 2 * x}).get_concrete_function(tf.TensorSpec([batch, 2], tf.float32, "x"))
    tf.saved_model.save(tf.Module(), str(tmp_path / "m"), signatures={SIGNATURE: traced})
    samples = np.arange(14, dtype=np.float32).reshape(7, 2)
    rows = [row["twice"] for row in reference_run.run_saved_model(tmp_path / "m", {"x": samples}, batch=batch)]
    np.testing.assert_array_equal(rows, 2 * samples)
