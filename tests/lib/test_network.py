from pathlib import Path

import keras
import numpy as np
import pytest

from pipeline.lib import network
from pipeline.lib.errors import UserError


@pytest.fixture(scope="module")
def model() -> keras.Model:
    """Two inputs, two outputs, one of them nested, and names whose alphabetical order is not their order."""
    keras.utils.set_random_seed(0)
    second, first = keras.Input((3,), name="zeta"), keras.Input((2,), name="alpha")
    inner_input = keras.Input((5,))
    inner = keras.Model(inner_input, keras.layers.Dense(4, name="deep")(inner_input), name="inner")
    joined = inner(keras.layers.Concatenate(name="join")([second, first]))
    return keras.Model(
        [second, first], [keras.layers.Dense(2, name="one")(joined), keras.layers.Dense(1, name="two")(joined)], name="net"
    )


@pytest.mark.parametrize("batch", [1, 4, None])
def test_the_exported_network_computes_the_same_by_name(model: keras.Model, tmp_path: Path, batch: int | None) -> None:
    network.export(model, tmp_path / "saved", batch=batch)
    rng = np.random.default_rng(0)
    samples = {"alpha": rng.normal(size=(7, 2)).astype(np.float32), "zeta": rng.normal(size=(7, 3)).astype(np.float32)}
    expected = model.predict([samples["zeta"], samples["alpha"]], verbose=0)
    rows = list(network.run_saved_model(tmp_path / "saved", samples, batch=batch))
    for name, values in zip(("one", "two"), expected, strict=True):
        np.testing.assert_allclose(np.stack([row[name] for row in rows]), values, atol=1e-6)


def test_layers_of_nested_networks_are_listed_behind_them(model: keras.Model) -> None:
    paths = [row["path"] for row in network.layers(model)]
    assert paths.index("inner/deep") > paths.index("inner")
    assert {"join", "one", "two"} <= set(paths)


def test_a_broken_file(tmp_path: Path) -> None:
    path = tmp_path / "m.keras"
    path.write_bytes(b"PK nothing")
    with pytest.raises(UserError, match=r"m\.keras: not readable as a Keras model"):
        network.load_keras(path, custom={})
