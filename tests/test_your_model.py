"""README, "Your model, your data": a user's own files through DVC, with nothing but what the section says."""

import json
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from PIL import Image, ImageDraw

from pipeline.dataset.spectrograms import logarithm, mel_weights, spectrogram
from pipeline.source.tensorflow_setup import tf  # noqa: F401
from tests.helpers import call, copy_repository

import keras  # isort: skip
import tf_keras  # isort: skip

pytestmark = [
    pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


def write(path: Path, text: str) -> None:
    path.write_text(textwrap.dedent(text).lstrip(), encoding="utf-8")


def draw_shapes(folder: Path) -> None:
    """Coloured discs, squares and crosses on noise, as JPEG and PNG of different sizes."""
    random = np.random.default_rng(1)
    for name in ("cross", "disc", "square"):
        (folder / name).mkdir(parents=True)
        for i in range(90):
            side = int(random.integers(36, 64))
            image = Image.fromarray(random.integers(0, 90, (side, side, 3)).astype(np.uint8))
            pen = ImageDraw.Draw(image)
            left, top = (int(random.integers(4, side // 3)) for _ in range(2))
            right, bottom = left + side // 2, top + side // 2
            ink = tuple(int(value) for value in random.integers(150, 256, 3))
            if name == "disc":
                pen.ellipse((left, top, right, bottom), fill=ink)
            elif name == "square":
                pen.rectangle((left, top, right, bottom), fill=ink)
            else:
                pen.line((left, top, right, bottom), fill=ink, width=4)
                pen.line((left, bottom, right, top), fill=ink, width=4)
            image.save(folder / name / f"{i}.{'png' if i % 2 else 'jpg'}")


def train_mobilenet(images: Path, path: Path) -> None:
    """A small MobileNet of Keras 2, trained as its users do: RGB, 32x32, -1..1."""
    layers = tf_keras.layers
    tf_keras.utils.set_random_seed(0)
    files = sorted(images.rglob("*.*"))
    x = np.stack([np.asarray(Image.open(file).convert("RGB").resize((32, 32), Image.Resampling.BILINEAR)) for file in files])
    classes = sorted({file.parent.name for file in files})
    y = np.array([classes.index(file.parent.name) for file in files])
    image = tf_keras.Input((32, 32, 3), name="image")
    h = image
    for filters, strides in ((8, 2), (16, 2), (32, 1)):
        h = layers.DepthwiseConv2D(3, strides=strides, padding="same", use_bias=False)(layers.Conv2D(filters, 1, use_bias=False)(h))
        h = layers.ReLU(6.0)(layers.BatchNormalization(momentum=0.8)(h))
    scores = layers.Dense(3, activation="softmax", name="scores")(layers.Flatten()(layers.AveragePooling2D(2)(h)))
    model = tf_keras.Model(image, scores, name="mobile")
    model.compile(tf_keras.optimizers.legacy.Adam(0.01), "sparse_categorical_crossentropy")
    model.fit(x.astype(np.float32) / 127.5 - 1, y, epochs=12, verbose=0)
    model.save(path)


def results(project: Path) -> dict[str, Any]:
    return json.loads((project / "reports/metrics.json").read_text())


@pytest.mark.slow
def test_two_files_for_a_keras_2_network_and_a_folder_of_images(tmp_path: Path) -> None:
    project = copy_repository(tmp_path)
    draw_shapes(project / "data/shapes")
    train_mobilenet(project / "data/shapes", project / "models/mobile.h5")
    write(
        project / "conf/model/mobile.yaml",
        """
        defaults: [_base]
        name: mobile
        path: models/mobile.h5
        """,
    )
    write(
        project / "conf/data/shapes.yaml",
        """
        defaults: [_base]
        name: shapes
        path: data/shapes
        reader: {name: image_folder, options: {input: image}}
        preprocess:
          - {name: resize, options: {height: 32, width: 32}}
          - {name: keras_applications, options: {mode: tf}}
        """,
    )
    call(
        "python",
        "-m",
        "pipeline.cli.compose",
        "model=mobile",
        "data=shapes",
        "quantization=[float32,int8]",
        "calibrate.samples=60",
        "select.drop_bound=estimate",  # too few samples for an interval within one point
        cwd=project,
    )
    call("dvc", "repro", cwd=project)
    source = json.loads((project / "models/source.json").read_text())
    assert source["format"] == "keras2_h5"
    found = results(project)
    assert found["conversion_verified"]
    assert found["baseline"] >= 0.9
    assert found["drop"] <= 0.01
    assert all(row["verified"] for row in found["variants"].values()), found
    assert "keras2_h5</code>, through tf_keras" in (project / "reports/index.html").read_text(encoding="utf-8")


class Gain(keras.layers.Layer):  # type: ignore[misc]
    """One factor for each band; the project's copy stands in pipeline/custom/layers.py."""

    def build(self, shape: Any) -> None:
        self.gain = self.add_weight(shape=(shape[-2],), initializer="ones", name="gain")

    def call(self, x: Any) -> Any:
        return x * self.gain[:, None]


def record_sounds(folder: Path) -> None:
    """Tones, chirps and noise of different lengths, in stereo at 16 kHz."""
    random = np.random.default_rng(1)
    for name in ("chirp", "noise", "tone"):
        (folder / name).mkdir(parents=True)
        for i in range(60):
            time = np.arange(int(random.integers(7000, 9000))) / 16000
            start = random.uniform(300, 1500)
            phase = start * time if name == "tone" else start * time + 1500 * time**2
            sound = random.normal(size=len(time)) * 0.3 if name == "noise" else np.sin(2 * np.pi * phase)
            sound = sound * random.uniform(0.3, 0.9) + random.normal(size=len(time)) * 0.02
            soundfile.write(folder / name / f"{i}.wav", np.stack([sound, sound], axis=1) * 0.5, 16000)


def train_on_sounds(folder: Path, path: Path) -> None:
    """A small network with a layer of its own on 8 kHz log-mel features, as a user would train it."""
    import soxr

    keras.utils.set_random_seed(0)
    layers = keras.layers
    files = sorted(folder.rglob("*.wav"))
    classes = sorted({file.parent.name for file in files})
    weights = mel_weights(bins=129, bands=20, rate=8000, low_hz=80, high_hz=3800, scale="htk", normalize=False, triangles_in="mel")
    features = []
    for file in files:
        sound, rate = soundfile.read(file)
        mono = np.pad(soxr.resample(sound.mean(axis=1), rate, 8000), (0, 4000))[:4000]
        bins = spectrogram(mono, frame_length=256, frame_step=128, fft_length=256, window="hann", power=1, center=False)
        features.append(logarithm(bins @ weights, unit="ln", offset=1e-6, floor=0)[:, :, None])
    x, y = np.stack(features).astype(np.float32), np.array([classes.index(file.parent.name) for file in files])
    given = keras.Input(x.shape[1:], name="features")
    h = Gain(name="gain")(given)
    for filters in (8, 16):
        h = layers.ReLU()(layers.BatchNormalization(momentum=0.8)(layers.Conv2D(filters, 3, strides=2)(h)))
    model = keras.Model(given, layers.Dense(3, activation="softmax", name="scores")(layers.GlobalAveragePooling2D()(h)))
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(x, y, epochs=12, verbose=0)
    model.save(path)


@pytest.mark.slow
def test_three_files_and_a_layer_for_an_audio_network(tmp_path: Path) -> None:
    project = copy_repository(tmp_path)
    record_sounds(project / "data/sounds")
    train_on_sounds(project / "data/sounds", project / "models/sounds.keras")
    write(
        project / "conf/model/sounds.yaml",
        """
        defaults: [_base]
        name: sounds
        path: models/sounds.keras
        """,
    )
    write(
        project / "conf/data/sounds.yaml",
        """
        defaults: [_base]
        name: sounds
        path: data/sounds
        reader: {name: wav_folder, options: {input: features, rate: 8000, length: 4000, resample: true}}
        preprocess:
          - name: log_mel
            options: {rate: 8000, frame_length: 256, frame_step: 128, fft_length: 256, bands: 20, low_hz: 80.0, high_hz: 3800.0}
          - {name: add_axis, options: {axis: -1}}
        """,
    )
    write(
        project / "conf/experiment/sounds.yaml",
        """
        # @package _global_
        defaults:
          - override /model: sounds
          - override /data: sounds
          - override /quantization: [float32, float16, int8]
        calibrate: {samples: 50}
        select: {drop_bound: estimate}
        """,
    )
    with (project / "pipeline/custom/layers.py").open("a", encoding="utf-8") as stream:
        stream.write(
            textwrap.dedent('''

            import keras  # noqa: E402


            class Gain(keras.layers.Layer):
                """One factor for each band."""

                def build(self, shape):
                    self.gain = self.add_weight(shape=(shape[-2],), initializer="ones", name="gain")

                def call(self, x):
                    return x * self.gain[:, None]


            LAYERS["Gain"] = Gain
            ''')
        )
    call("dvc", "exp", "run", "-S", "experiment=sounds", cwd=project)
    found = results(project)
    assert found["conversion_verified"]
    assert found["baseline"] >= 0.9
    assert set(found["variants"]) == {"float32", "float16", "int8"}
    assert all(row["verified"] for row in found["variants"].values()), found
