"""Networks on tables: few samples, as tables have. The data is that of scikit-learn."""

from pathlib import Path
from typing import Any

import numpy as np

from tests.trained.network import Network


def _shared(x: np.ndarray, y: np.ndarray, share: float) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Rows to train with, and the others."""
    order = np.random.default_rng(41).permutation(len(x))
    seen, held = np.split(order, [round(share * len(x))])
    return x[seen].astype(np.float32), y[seen], x[held].astype(np.float32), y[held]


def _dense(file: Path, columns: int, units: int, activation: str | None, loss: str, x: Any, y: Any, epochs: int) -> None:
    import keras

    layers = keras.layers
    keras.utils.set_random_seed(42)
    table = h = keras.Input((columns,), name="x")
    for width in (24, 16):
        h = layers.Dense(width, activation="relu")(h)
    model = keras.Model(table, layers.Dense(units, activation=activation, name="y")(h))
    model.compile(keras.optimizers.Adam(0.005), loss)
    model.fit(x, y, epochs=epochs, verbose=0)
    model.save(file)


def wine(file: Path) -> dict[str, np.ndarray]:
    """Three growers from 13 measurements, brought to unit size before."""
    from sklearn.datasets import load_wine

    x, y = load_wine(return_X_y=True)
    seen, labels, held, wanted = _shared((x - x.mean(0)) / x.std(0), y, 0.3)
    _dense(file, 13, 3, "softmax", "sparse_categorical_crossentropy", seen, labels, 30)
    return {"x": held, "y": wanted.astype(np.int64)}


def diabetes(file: Path) -> dict[str, np.ndarray]:
    """How a disease proceeds in a year, from ten measurements."""
    from sklearn.datasets import load_diabetes

    x, y = load_diabetes(return_X_y=True)
    seen, labels, held, wanted = _shared(x * 20, y, 0.5)
    _dense(file, 10, 1, None, "mse", seen, labels, 120)
    return {"x": held, "y": wanted}


def badly_scaled(file: Path) -> dict[str, np.ndarray]:
    """Tumours from 30 measurements between 0.001 and 4,000; the network brings them to unit size itself: no 8 bits hold both."""
    import keras
    from sklearn.datasets import load_breast_cancer

    x, y = load_breast_cancer(return_X_y=True)
    seen, labels, held, wanted = _shared(x, y, 0.4)
    layers = keras.layers
    keras.utils.set_random_seed(43)
    table = keras.Input((30,), name="x")
    normal = layers.Normalization()
    normal.adapt(seen)
    h = layers.Dense(24, activation="relu")(normal(table))
    model = keras.Model(table, layers.Dense(1, activation="sigmoid", name="benign")(h), name="badly_scaled")
    model.compile(keras.optimizers.Adam(0.005), "binary_crossentropy")
    model.fit(seen, labels, epochs=30, verbose=0)
    model.save(file)
    return {"x": held, "y": wanted.astype(np.int64)}


def close(file: Path) -> dict[str, np.ndarray]:
    """Ten classes that overlap: right in half of the cases, and many decisions hang on a hair."""
    x, y = _clouds(4000, seed=44)
    _dense(file, 16, 10, "softmax", "sparse_categorical_crossentropy", x, y, 6)
    x, y = _clouds(1200, seed=45)
    return {"x": x, "y": y}


def _clouds(n: int, *, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Points float32 [n, 16] around the middle of their class [n]."""
    middles = np.random.default_rng(46).normal(size=(10, 16))
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 10, n)
    return (middles[y] + rng.normal(scale=1.9, size=(n, 16))).astype(np.float32), y


NETWORKS = (
    Network(
        name="wine",
        what="table, three classes, 45 samples",
        train=wine,
        sets=(60, 20),
        ships="dynamic_int8",
        options=("calibrate.samples=60", "select.drop_bound=estimate"),
        quick=True,
    ),
    Network(
        name="diabetes",
        what="table, regression, 91 samples",
        train=diabetes,
        task="regression",
        sets=(90, 40),
        ships="dynamic_int8",
        options=("calibrate.samples=90", "select.max_drop=0.6"),
    ),
    Network(
        name="badly_scaled",
        what="table from 0.001 to 4,000 normalised inside, yes or no",
        train=badly_scaled,
        task="binary",
        options=("select.drop_bound=estimate",),
        ships="dynamic_int8",
        refused={"int8": "not verified (sqnr_db: "},
    ),
    Network(name="close", what="ten overlapping classes, half right", train=close, ships="dynamic_int8"),
)
