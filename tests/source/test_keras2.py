from pathlib import Path

import numpy as np
import pytest

from pipeline.source import keras2
from pipeline.source.tensorflow_setup import tf

import tf_keras  # isort: skip

pytestmark = pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file", "ignore::DeprecationWarning")


def test_nested_networks_with_weights_of_one_name(tmp_path: Path) -> None:
    given = tf_keras.Input((3,), name="x")
    parts = [tf_keras.Sequential([tf_keras.layers.Dense(2, name="same")], name=name) for name in ("a", "b")]
    model = tf_keras.Model(given, [part(given) for part in parts])
    model.save(tmp_path / "m.h5")
    network = keras2.load(tmp_path / "m.h5", format="keras2_h5", custom={}, trust_code=False)
    assert [row["path"] for row in network.layers] == ["x", "a", "a/same", "b", "b/same"]
    assert list(network.outputs) == ["a", "b"]
    assert len(network.weights) == 4
    for array, expected in zip(network.weights.values(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(array, expected)
    x = np.ones((1, 3), np.float32)
    np.testing.assert_array_equal(network.call({"x": tf.constant(x)})["b"], model(x)[1])


@pytest.mark.parametrize("ending", [".keras", ".h5", ""])
def test_two_loads_give_the_same_weights(tmp_path: Path, ending: str) -> None:
    """Random generators have a state, which is drawn anew by each load: it is no weight."""
    image = tf_keras.Input((8, 8, 1), name="image")
    flipped = tf_keras.layers.RandomFlip(name="flip")(image)
    dropped = tf_keras.layers.Dropout(0.5, name="drop")(tf_keras.layers.Flatten()(flipped))
    tf_keras.Model(image, tf_keras.layers.Dense(2, name="dense")(dropped)).save(tmp_path / f"m{ending}")
    stored = []
    for number in range(2):
        loaded = keras2.load(
            tmp_path / f"m{ending}",
            format={".keras": "keras2", ".h5": "keras2_h5", "": "keras2_saved_model"}[ending],
            custom={},
            trust_code=False,
        )
        assert len(loaded.variables) == len(loaded.weights) == 2
        np.savez(tmp_path / f"{number}.npz", allow_pickle=False, **loaded.weights)
        stored.append((tmp_path / f"{number}.npz").read_bytes())
    assert stored[0] == stored[1]
