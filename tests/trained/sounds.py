"""Networks on sounds: tones, chirps and noise, made here."""

from functools import partial
from pathlib import Path

import numpy as np

from tests.trained.network import LOGITS, Network

_RATE = 8000


def sounds(n: int, *, seed: int, length: int = 4000, noise: float = 0.02) -> tuple[np.ndarray, np.ndarray]:
    """Tones, chirps, noise and clicks with some noise, float32 [n, length] in -1..1, and their kinds [n]."""
    rng = np.random.default_rng(seed)
    time, kinds = np.arange(length) / _RATE, rng.integers(0, 4, n)
    waves = rng.normal(scale=noise, size=(n, length))
    for i, kind in enumerate(kinds):
        start, loud = rng.uniform(300, 1500), rng.uniform(0.2, 0.8)
        if kind == 0:
            waves[i] += loud * np.sin(2 * np.pi * start * time)
        elif kind == 1:
            waves[i] += loud * np.sin(2 * np.pi * (start * time + rng.uniform(1000, 3000) * time**2))
        elif kind == 2:
            waves[i] += 0.4 * loud * rng.normal(size=length)
        else:
            waves[i, :: int(rng.integers(200, 500))] += loud
    return np.clip(waves, -1, 1).astype(np.float32), kinds


LOG_MEL = {
    "name": "log_mel",
    "options": {
        **{"rate": _RATE, "frame_length": 256, "frame_step": 128, "fft_length": 256},
        **{"bands": 20, "low_hz": 80.0, "high_hz": 3800.0},
    },
}


def log_mel(waves: np.ndarray) -> np.ndarray:
    """What the step of that name makes, float32 [n, frames, bands]."""
    from pipeline.dataset.preprocess import log_mel as step

    return np.stack([step(wave, **LOG_MEL["options"]) for wave in waves])  # type: ignore[arg-type]


def separable(file: Path, *, silent: str = "evaluation") -> dict[str, np.ndarray]:
    """Depthwise separable convolutions on log-mel features, as keyword spotters are; one clip of a set is silent to the bit."""
    import keras

    layers = keras.layers
    keras.utils.set_random_seed(21)
    waves, kinds = sounds(800, seed=21, noise=0.3)
    x = log_mel(waves)[..., None]
    features = keras.Input(x.shape[1:], name="x")
    h = layers.Conv2D(16, 3, strides=2, padding="same", use_bias=False)(features)
    h = layers.ReLU()(layers.BatchNormalization(momentum=0.8)(h))
    for _ in range(3):
        h = layers.SeparableConv2D(24, 3, padding="same", use_bias=False)(h)
        h = layers.ReLU()(layers.BatchNormalization(momentum=0.8)(h))
    scores = layers.Dense(4, activation="softmax", name="scores")(layers.GlobalAveragePooling2D()(h))
    model = keras.Model(features, scores, name="separable")
    model.compile(keras.optimizers.Adam(0.005), "sparse_categorical_crossentropy")
    model.fit(x, kinds, epochs=12, verbose=0)
    model.save(file)
    waves, kinds = sounds(240, seed=22, noise=0.3)
    split = _sets(240, 100, 60)
    waves[np.flatnonzero((kinds == 3) & (split == silent))[0]] = 0
    return {"x": waves, "y": kinds, "split": split}


def _sets(n: int, calibration: int, tuning: int) -> np.ndarray:
    """Which sample is in which set: the first, the next, and the others."""
    return np.repeat(["calibration", "tuning", "evaluation"], [calibration, tuning, n - calibration - tuning])


def autoencoder(file: Path) -> dict[str, np.ndarray]:
    """Reconstructs five frames of 128 log-mel bands of a machine; a broken one has other harmonics."""
    import keras

    layers = keras.layers
    keras.utils.set_random_seed(23)
    x, _ = _machine(1500, seed=23, broken=False)
    frames = h = keras.Input((640,), name="x")
    for units in (64, 64, 8, 64, 64):
        h = layers.ReLU()(layers.BatchNormalization(momentum=0.9)(layers.Dense(units)(h)))
    model = keras.Model(frames, layers.Dense(640, name="again")(h), name="autoencoder")
    model.compile(keras.optimizers.Adam(0.003), "mse")
    model.fit(x, x, epochs=25, batch_size=64, verbose=0)
    model.save(file)
    x, y = _machine(1500, seed=24, broken=True)
    return {"x": x, "y": y}


def _machine(n: int, *, seed: int, broken: bool) -> tuple[np.ndarray, np.ndarray]:
    """Levels in decibels, float32 [n, 640], and whether it is broken, a third of them if any."""
    rng = np.random.default_rng(seed)
    bands, y = np.arange(128), (rng.uniform(size=n) < 1 / 3).astype(np.int64) * broken
    speed, load = rng.uniform(14, 22, n), rng.uniform(0, 1, n)
    order = (bands[None] / speed[:, None]) % 1
    level = -50 - 0.15 * bands[None] + 25 * load[:, None] * np.exp(-(order**2) / 0.01)
    level += y[:, None] * rng.uniform(8, 20, n)[:, None] * np.exp(-((order - 0.5) ** 2) / 0.005)
    frames = level[:, None] + rng.normal(scale=1.5, size=(n, 5, 128))
    return frames.reshape(n, 640).astype(np.float32), y


def logarithm(file: Path) -> dict[str, np.ndarray]:
    """Takes the wave itself: windowed sines and cosines, power and logarithm are layers. Some clips are silent but for a level."""
    import keras

    layers, ops = keras.layers, keras.ops
    keras.utils.set_random_seed(25)
    width, bins = 128, 24
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(width) / width)
    angle = 2 * np.pi * np.arange(width)[:, None] * np.arange(3, 3 + 2 * bins, 2)[None] / width
    wave = keras.Input((1024, 1), name="x")
    parts = []
    for name, wanted in (("cosine", np.cos(angle)), ("sine", np.sin(angle))):
        layer = layers.Conv1D(bins, width, strides=64, use_bias=False, trainable=False, name=name)
        parts.append(layer(wave))
        layer.set_weights([(window[:, None] * wanted)[:, None].astype(np.float32)])
    h = ops.log(parts[0] * parts[0] + parts[1] * parts[1] + 1e-12)
    h = layers.BatchNormalization(momentum=0.8)(h)
    h = layers.Conv1D(24, 3, activation="relu")(h)
    h = layers.Conv1D(24, 3, activation="relu")(h)
    model = keras.Model(wave, layers.Dense(4, name="logits")(layers.GlobalAveragePooling1D()(h)), name="logarithm")
    model.compile(keras.optimizers.Adam(0.005), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    waves, kinds = sounds(900, seed=25, length=1024)
    model.fit(waves[..., None], kinds, epochs=12, verbose=0)
    model.save(file)
    waves, kinds = sounds(1160, seed=26, length=1024)
    split = _sets(1160, 100, 60)
    quiet = np.flatnonzero((kinds == 2) & (split == "evaluation"))[:4]
    waves[quiet] = np.array([0.0, 0.1, 0.25, 0.5])[:, None]
    return {"x": waves[..., None], "y": kinds, "split": split}


def notes(file: Path) -> dict[str, np.ndarray]:
    """How much each of 24 notes sounds in each of 16 frames; nobody has labels for that."""
    import keras

    layers = keras.layers
    keras.utils.set_random_seed(27)
    x, played = _music(700, seed=27)
    frames = keras.Input((16, 48, 1), name="x")
    h = layers.Conv2D(12, 5, padding="same", use_bias=False)(frames)
    h = layers.ReLU()(layers.BatchNormalization(momentum=0.8)(h))
    h = layers.Conv2D(12, (3, 13), strides=(1, 2), padding="same", activation="relu")(h)
    h = layers.Conv2D(1, (3, 5), padding="same", activation="sigmoid")(h)
    model = keras.Model(frames, layers.Reshape((16, 24), name="notes")(h), name="notes")
    model.compile(keras.optimizers.Adam(0.005), "binary_crossentropy")
    model.fit(x, played, epochs=8, verbose=0)
    model.save(file)
    return {"x": _music(400, seed=28)[0]}


def _music(n: int, *, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Spectra float32 [n, 16, 48, 1], two bands for a note with an octave above it, and what is played [n, 16, 24]."""
    rng = np.random.default_rng(seed)
    played = np.zeros((n, 16, 24), np.float32)
    for piece in played:
        for note in rng.choice(24, rng.integers(1, 5), replace=False):
            start = int(rng.integers(0, 12))
            piece[start : start + int(rng.integers(3, 9)), note] = 1
    loud = played * rng.uniform(0.3, 1, (n, 1, 24))
    x = np.repeat(loud, 2, 2) * np.tile([1.0, 0.5], 24)
    x[:, :, 24:] += 0.4 * x[:, :, :24]
    return (x + np.abs(rng.normal(scale=0.08, size=x.shape)))[..., None].astype(np.float32), played


NETWORKS = (
    Network(
        name="separable",
        what="depthwise separable keyword spotter, 80 clips, one silent",
        train=separable,
        preprocess=(LOG_MEL, {"name": "add_axis", "options": {"axis": -1}}),
        ships="dynamic_int8",
        options=("select.drop_bound=estimate",),
    ),
    Network(
        name="silent_calibration",
        what="the same with the silent clip among the calibration samples: its features are far from all others",
        train=partial(separable, silent="calibration"),
        preprocess=(LOG_MEL, {"name": "add_axis", "options": {"axis": -1}}),
        ships="dynamic_int8",
        refused={"int8": "too coarse"},
        options=("select.drop_bound=estimate",),
    ),
    Network(
        name="autoencoder",
        what="autoencoder of 640 values, anomalies",
        train=autoencoder,
        task="anomaly",
        ships="dynamic_int8",
        quick=True,
    ),
    Network(
        name="logarithm",
        what="wave to logarithm of power inside the network, four silent clips",
        train=logarithm,
        options=(LOGITS,),
        ships="dynamic_int8",
        refused={"int8": "not verified", "int16x8": "not verified"},
    ),
    Network(name="notes", what="activations of 16 frames of 24 notes, no labels", train=notes, labels=None, ships="dynamic_int8"),
)
