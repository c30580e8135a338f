from pathlib import Path

import numpy as np
import pytest

from pipeline.errors import UserError
from pipeline.source import keras3, network
from pipeline.source.network import Network
from pipeline.source.tensorflow_setup import tf

import keras  # isort: skip

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras' own saving


def load(path: Path, **shapes: list[int]) -> Network:
    return keras3.load(
        path,
        format="keras3_h5" if path.suffix == ".h5" else "keras",
        custom={"Plain": Plain},
        trust_code=False,
        shapes=shapes,
        dtypes={},
    )


class Plain(keras.Model):  # type: ignore[misc]
    def __init__(self, **options: object) -> None:
        super().__init__(**options)
        self.dense = keras.layers.Dense(2, name="dense")

    def call(self, x: object) -> object:
        return [self.dense(x), x]


def test_nested_networks_and_shared_layers(tmp_path: Path) -> None:
    second, first = keras.Input((3,), name="zeta"), keras.Input((2,), name="alpha")
    inner_input = keras.Input((5,))
    inner = keras.Model(inner_input, keras.layers.Dense(4, name="deep")(inner_input), name="inner")
    joined = inner(keras.layers.Concatenate(name="join")([second, first]))
    model = keras.Model([second, first], [keras.layers.Dense(2, name="one")(joined), keras.layers.Dense(1, name="two")(joined)])
    model.save(tmp_path / "m.keras")
    network = load(tmp_path / "m.keras")
    assert list(network.inputs) == ["zeta", "alpha"]
    assert {name: spec.shape.as_list() for name, spec in network.outputs.items()} == {"one": [None, 2], "two": [None, 1]}
    paths = [row["path"] for row in network.layers]
    assert paths.index("inner/deep") > paths.index("inner")
    values = {"alpha": np.ones((1, 2), np.float32), "zeta": np.zeros((1, 3), np.float32)}
    found = network.call({name: tf.constant(value) for name, value in values.items()})
    np.testing.assert_array_equal(found["one"], model([values["zeta"], values["alpha"]])[0])
    assert network.parameters == model.count_params()


def test_a_subclassed_network_tells_shapes_it_was_built_with(tmp_path: Path) -> None:
    model = Plain()
    model(np.zeros((1, 3), np.float32))
    model.save(tmp_path / "m.keras")
    network = load(tmp_path / "m.keras")
    assert {name: spec.shape.as_list() for name, spec in network.inputs.items()} == {"input": [None, 3]}
    assert {name: spec.shape.as_list() for name, spec in network.outputs.items()} == {"output_0": [None, 2], "output_1": [None, 3]}
    with pytest.raises(UserError, match=r"model\.input_dtypes: the network has no input 'x'; has: input"):
        keras3.load(
            tmp_path / "m.keras", format="keras", custom={"Plain": Plain}, trust_code=False, shapes={}, dtypes={"x": "int32"}
        )


@pytest.mark.parametrize("ending", [".keras", ".h5"])
def test_two_loads_give_the_same_weights(tmp_path: Path, ending: str) -> None:
    """Random generators have a state, which is drawn anew by each load: it is no weight."""
    image = keras.Input((8, 8, 1), name="image")
    flipped = keras.layers.RandomFlip(name="flip")(image)
    dropped = keras.layers.Dropout(0.5, name="drop")(keras.layers.Flatten()(flipped))
    keras.Model(image, keras.layers.Dense(2, name="dense")(dropped)).save(tmp_path / f"m{ending}")
    stored = []
    for number in range(2):
        loaded = load(tmp_path / f"m{ending}")
        assert len(loaded.variables) == len(loaded.weights) == 2
        np.savez(tmp_path / f"{number}.npz", allow_pickle=False, **loaded.weights)
        stored.append((tmp_path / f"{number}.npz").read_bytes())
    assert stored[0] == stored[1]


def test_what_is_drawn_at_inference_and_thrown_away_is_no_part_of_the_network(tmp_path: Path) -> None:
    """RandomHue draws a hue whether it uses it or not; saving would fail on the generator's state."""
    image = keras.Input((4, 4, 3), name="image")
    model = keras.Model(image, keras.layers.Flatten()(keras.layers.RandomHue(0.5)(image)))
    loaded = keras3.network_of(model, path=tmp_path)
    outputs, _ = network.export(loaded, tmp_path / "saved", inputs=network.fixed(loaded.inputs, shapes={}, batch=1))
    run = tf.saved_model.load(str(tmp_path / "saved")).signatures["serving_default"]
    pixels = np.random.default_rng(0).uniform(0, 255, (1, 4, 4, 3)).astype(np.float32)
    for _ in range(2):
        np.testing.assert_array_equal(run(image=tf.constant(pixels))[next(iter(outputs))].numpy().ravel(), pixels.ravel())
