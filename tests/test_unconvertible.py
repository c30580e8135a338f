"""Networks the converter cannot translate: what it says, what the options allow, and what cannot run here."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.errors import UserError
from pipeline.source.tensorflow_setup import tf
from tests.inprocess import configure, save_arrays, stage


def project(folder: Path, function: Callable[[Any], Any], *, batch: int | None = 1, **convert: bool) -> Path:
    """A project whose network is `function` of x [batch, 4], up to the stage before convert."""
    module = tf.Module()
    weight = tf.constant(np.eye(4, dtype=np.float32))
    traced = tf.function(lambda x: {"y": tf.matmul(function(x), weight)}).get_concrete_function(
        tf.TensorSpec([batch, 4], tf.float32, "x")
    )
    tf.saved_model.save(module, str(folder / "m"), signatures=traced)
    samples = np.random.default_rng(1).uniform(0.1, 0.9, (40, 4)).astype(np.float32)
    configure(folder, model={"path": "m"}, data=save_arrays(folder / "d.npz", x=samples), convert={"batch": batch, **convert})
    for name in ("load", "sample"):
        stage(folder, name)
    return folder


def select(x: Any) -> Any:
    return tf.math.real(tf.signal.ifft(tf.cast(x, tf.complex64)))


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (select, r"LiteRT has no IFFT; convert\.select_tf_ops: true keeps them .*no stage can run the file here.*or replace them"),
        (tf.math.erfinv, r"LiteRT has no Erfinv; convert\.custom_ops: true keeps them .*bring kernels"),
        (lambda x: select(tf.math.erfinv(x)), r"no IFFT; convert\.select_tf_ops: true .*no Erfinv; convert\.custom_ops: true"),
    ],
)
def test_says_which_option(function: Callable[[Any], Any], message: str, tmp_path: Path) -> None:
    folder = project(tmp_path, function)
    with pytest.raises(UserError, match=message):
        stage(folder, "convert")
    assert not list((folder / "models").glob("*.tflite"))


@pytest.mark.parametrize(
    ("function", "option", "operator"), [(select, "select_tf_ops", "FlexIFFT"), (tf.math.erfinv, "custom_ops", "Erfinv")]
)
def test_converts_on_request_and_says_what_cannot_run(
    function: Callable[[Any], Any], option: str, operator: str, tmp_path: Path
) -> None:
    folder = project(tmp_path, function, **{option: True})
    stage(folder, "convert")
    with pytest.raises(UserError, match=rf"float32\.tflite: cannot be run here, .*: no kernel here for {operator}; .*not verified"):
        stage(folder, "calibrate")
    stage(folder, "quantize", "float32")
    for name in ("predict", "benchmark"):
        with pytest.raises(UserError, match=rf"float32/model\.tflite: cannot be run here, .*: .*{operator}; .*not verified"):
            stage(folder, name, "float32")
    assert not (folder / "data/outputs/float32").exists()


def test_recurrent_with_a_free_batch(tmp_path: Path) -> None:
    """A SavedModel that was traced with a free batch: the message lists the ways out."""
    import keras

    sound = keras.Input((6, 3), name="sound")
    keras.Model(sound, keras.layers.LSTM(4)(sound)).export(tmp_path / "m", verbose=False)
    configure(tmp_path, model={"path": "m"}, data=save_arrays(tmp_path / "d.npz", sound=np.zeros((2, 6, 3), np.float32)))
    stage(tmp_path, "load")
    with pytest.raises(
        UserError, match=r"a recurrent layer was traced with a free batch.*convert\.batch.*keras2_saved_model.*exported again"
    ):
        stage(tmp_path, "convert")
