"""Real runs from load to verify: each model format and each kind of network."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from pipeline.custom import layers as custom
from pipeline.source.tensorflow_setup import tf
from tests.inprocess import ROOT, configure, leftovers, save_arrays, stage, until_verified

import keras  # isort: skip
import tf_keras  # isort: skip

N = 300

pytestmark = [
    pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


class Case(NamedTuple):
    """A saved network.

    Attributes:
        model: its part of the configuration.
        inputs: [N, ...] by name, as the network takes them.
        outputs: [N, ...] by name, by the library that made it.
        format: that must be found.
        tolerance: of the outputs, as a share of their peak.
        quantized: the variant to build beside float32; None where int8 must be refused, because the network loops.
        convert: options of the stage.
    """

    model: dict[str, Any]
    inputs: dict[str, np.ndarray]
    outputs: dict[str, Any]
    format: str
    tolerance: float = 1e-5
    quantized: str | None = "int8"
    convert: dict[str, Any] = {}  # noqa: RUF012


def uniform(*shape: int) -> np.ndarray:
    """Bounded values, so that the calibration samples span the range of the others."""
    return np.random.default_rng(7).uniform(-1, 1, (N, *shape)).astype(np.float32)


def decides(library: Any, units: int, **options: Any) -> Any:
    """A last layer whose outputs lie far enough apart for int8."""
    return library.layers.Dense(units, kernel_initializer=library.initializers.RandomUniform(-2.0, 2.0, seed=3), **options)


def image_network(library: Any, dtype: str = "float32", seed: int = 1) -> Any:
    layers = library.layers
    library.utils.set_random_seed(seed)
    image = library.Input((12, 12, 3), name="image", dtype="float32" if dtype.startswith("mixed") else dtype)
    x = layers.Conv2D(8, 3, padding="same", name="conv", dtype=dtype)(image)
    x = layers.BatchNormalization(name="norm", dtype=dtype)(x)
    x = layers.ReLU(6.0, name="relu6", dtype=dtype)(x)
    x = layers.DepthwiseConv2D(3, strides=2, padding="same", name="depthwise", dtype=dtype)(x)
    x = layers.Flatten(name="flat", dtype=dtype)(x)
    return library.Model(image, decides(library, 4, name="scores", dtype=dtype)(x))


def saved_image_network(library: Any, folder: Path, name: str, found_format: str, **options: Any) -> Case:
    model, x = image_network(library), uniform(12, 12, 3)
    model.save(folder / name, **options)
    return Case({"path": name}, {"image": x}, {"scores": model(x)}, found_format)


def keras_zip(folder: Path) -> Case:
    return saved_image_network(keras, folder, "m.keras", "keras")


def keras3_h5(folder: Path) -> Case:
    return saved_image_network(keras, folder, "m.h5", "keras3_h5")


def keras2_h5(folder: Path) -> Case:
    return saved_image_network(tf_keras, folder, "m.h5", "keras2_h5")


def keras2_zip(folder: Path) -> Case:
    return saved_image_network(tf_keras, folder, "m.keras", "keras2")


def saved_model_of_keras2(folder: Path) -> Case:
    return saved_image_network(tf_keras, folder, "m", "saved_model", save_format="tf")


def saved_model_of_keras3(folder: Path) -> Case:
    model, x = image_network(keras), uniform(12, 12, 3)
    model.export(folder / "m", verbose=False)
    return Case({"path": "m"}, {"image": x}, {"output_0": model(x)}, "saved_model")


def recurrent_saved_model_of_keras2(folder: Path) -> Case:
    sound = tf_keras.Input((6, 3), name="sound")
    model = tf_keras.Model(sound, decides(tf_keras, 3, name="scores")(tf_keras.layers.LSTM(5)(sound)))
    model.save(folder / "m", save_format="tf")
    x = uniform(6, 3)
    return Case({"path": "m", "format": "keras2_saved_model"}, {"sound": x}, {"scores": model(x)}, "keras2_saved_model")


class Two(tf.Module):  # type: ignore[misc]
    """Signatures with two inputs each, whose order by name is not that of the arguments."""

    def __init__(self) -> None:
        self.weight = tf.Variable(uniform(5)[3:6].T.copy() * 2, name="inner/weight")

    @tf.function  # type: ignore[untyped-decorator]
    def add(self, b: Any, a: Any) -> Any:
        return {"sum": tf.matmul(b, self.weight) + 0.5 * a, "b_only": tf.nn.relu(tf.matmul(b, self.weight))}

    @tf.function  # type: ignore[untyped-decorator]
    def other(self, x: Any) -> Any:
        return {"y": x}


def saved_model_by_signature(folder: Path) -> Case:
    module = Two()
    spec = tf.TensorSpec
    signatures = {
        "add": module.add.get_concrete_function(spec([None, 5], tf.float32, "b"), spec([None, 3], tf.float32, "a")),
        "other": module.other.get_concrete_function(spec([None, 5], tf.float32, "x")),
    }
    tf.saved_model.save(module, str(folder / "m"), signatures=signatures)
    a, b = uniform(3), uniform(5)
    return Case({"path": "m", "signature": "add"}, {"a": a, "b": b}, module.add(b, a), "saved_model")


def tensorflow1(folder: Path, *, resource: bool) -> Case:
    v1, x = tf.compat.v1, uniform(5)
    with tf.Graph().as_default(), v1.Session() as session:
        features = v1.placeholder(tf.float32, [None, 5], name="x")
        weight = v1.get_variable("dense/weight", initializer=uniform(5)[:4].T.copy() * 2, use_resource=resource)
        scores = tf.identity(tf.nn.relu(tf.matmul(features, weight)) - 1.0, name="y")
        session.run(v1.global_variables_initializer())
        v1.saved_model.simple_save(session, str(folder / "m"), {"features": features}, {"scores": scores})
        expected = session.run(scores, {features: x})
    return Case({"path": "m"}, {"features": x}, {"scores": expected}, "saved_model")


def tensorflow1_resources(folder: Path) -> Case:
    return tensorflow1(folder, resource=True)


def tensorflow1_references(folder: Path) -> Case:
    return tensorflow1(folder, resource=False)


def two_inputs_two_outputs(folder: Path) -> Case:
    layers = keras.layers
    keras.utils.set_random_seed(1)
    z, a = keras.Input((8,), name="z_image"), keras.Input((4,), name="a_meta")
    x = layers.Concatenate()([layers.Dense(6, activation="relu")(z), a])
    model = keras.Model(
        [z, a],
        [decides(keras, 3, name="kind")(x), layers.Dense(1, kernel_initializer="ones", name="age")(a)],
    )
    model.save(folder / "m.keras")
    inputs = {"a_meta": uniform(4), "z_image": uniform(8)}
    kind, age = model([inputs["z_image"], inputs["a_meta"]])
    return Case({"path": "m.keras"}, inputs, {"kind": kind, "age": age}, "keras")


def dictionaries(folder: Path) -> Case:
    keras.utils.set_random_seed(1)
    inputs = {"right": keras.Input((4,), name="right"), "left": keras.Input((4,), name="left")}
    x = keras.layers.Subtract()([inputs["right"], inputs["left"]])
    model = keras.Model(inputs, {"q": decides(keras, 3, name="one")(x), "p": keras.layers.Dense(2, name="two")(x)})
    model.save(folder / "m.keras")
    given = {"left": uniform(4), "right": uniform(4)[::-1].copy()}
    return Case({"path": "m.keras"}, given, model(given), "keras")


def dictionaries_keras2(folder: Path) -> Case:
    tf_keras.utils.set_random_seed(1)
    inputs = {"right": tf_keras.Input((4,), name="right"), "left": tf_keras.Input((4,), name="left")}
    x = tf_keras.layers.Subtract()([inputs["right"], inputs["left"]])
    model = tf_keras.Model(inputs, {"q": decides(tf_keras, 3, name="one")(x), "p": tf_keras.layers.Dense(2, name="two")(x)})
    model.save(folder / "m.h5")
    given = {"left": uniform(4), "right": uniform(4)[::-1].copy()}
    return Case({"path": "m.h5"}, given, model(given), "keras2_h5")


def tokens_with_attention(folder: Path) -> Case:
    layers = keras.layers
    keras.utils.set_random_seed(1)
    tokens = keras.Input((7,), dtype="int32", name="tokens")
    x = layers.Embedding(20, 8, embeddings_initializer=keras.initializers.RandomNormal(stddev=1.0))(tokens)
    x = layers.LayerNormalization()(layers.Add()([x, layers.MultiHeadAttention(2, 4)(x, x)]))
    x = layers.Dense(8, activation="gelu")(x)
    model = keras.Model(tokens, decides(keras, 3, name="scores")(layers.GlobalAveragePooling1D()(x)))
    model.save(folder / "m.keras")
    x = np.random.default_rng(5).integers(0, 20, (N, 7)).astype(np.int32)
    return Case({"path": "m.keras"}, {"tokens": x}, {"scores": model(x)}, "keras", tolerance=1e-5)


def recurrent(folder: Path, cell: Callable[[Any], Any]) -> Case:
    keras.utils.set_random_seed(1)
    sound = keras.Input((6, 3), name="sound")
    model = keras.Model(sound, decides(keras, 3, name="scores")(cell(keras.layers)(sound)))
    model.save(folder / "m.keras")
    x = uniform(6, 3)
    return Case({"path": "m.keras"}, {"sound": x}, {"scores": model(x)}, "keras", quantized=None)


def lstm(folder: Path) -> Case:
    return recurrent(folder, lambda layers: layers.LSTM(5))


def gru(folder: Path) -> Case:
    return recurrent(folder, lambda layers: layers.GRU(5))


def bidirectional(folder: Path) -> Case:
    return recurrent(folder, lambda layers: layers.Bidirectional(layers.LSTM(4)))


def free_height_and_width(folder: Path) -> Case:
    layers = keras.layers
    keras.utils.set_random_seed(1)
    image = keras.Input((None, None, 2), name="image")
    x = layers.Conv2D(4, 3, strides=2, padding="same", activation="relu")(image)
    x = layers.Conv2DTranspose(3, 3, strides=2, padding="same", name="mask")(x)
    model = keras.Model(image, layers.UpSampling2D(interpolation="bilinear", name="large")(x))
    model.save(folder / "m.keras")
    x = uniform(8, 10, 2)
    return Case({"path": "m.keras", "inputs": {"image": [8, 10, 2]}}, {"image": x}, {"large": model(x)}, "keras")


def free_length_saved_model(folder: Path) -> Case:
    keras.utils.set_random_seed(1)
    sound = keras.Input((None, 2), name="sound")
    x = keras.layers.GlobalMaxPooling1D()(keras.layers.Conv1D(6, 3, activation="relu")(sound))
    model = keras.Model(sound, decides(keras, 3)(x))
    model.export(folder / "m", verbose=False)
    x = uniform(9, 2)
    return Case({"path": "m", "inputs": {"sound": [9, 2]}}, {"sound": x}, {"output_0": model(x)}, "saved_model")


def of_dtype(folder: Path, dtype: str, tolerance: float) -> Case:
    model, x = image_network(keras, dtype, seed=2), uniform(12, 12, 3)
    model.save(folder / "m.keras")
    given = x.astype(model.inputs[0].dtype)
    return Case({"path": "m.keras"}, {"image": x}, {"scores": np.asarray(model(given), np.float64)}, "keras", tolerance)


# The original rounds its own arithmetic to 11 bits (2^-11 each time, some layers deep); the file computes in float32.
def float16(folder: Path) -> Case:
    return of_dtype(folder, "float16", 5e-3)


def mixed_float16(folder: Path) -> Case:
    return of_dtype(folder, "mixed_float16", 5e-3)


def float64(folder: Path) -> Case:
    return of_dtype(folder, "float64", 1e-5)


def float64_saved_model(folder: Path) -> Case:
    model, x = image_network(tf_keras, "float64", seed=2), uniform(12, 12, 3)
    model.save(folder / "m", save_format="tf")
    return Case({"path": "m"}, {"image": x}, {"scores": model(x.astype(np.float64))}, "saved_model")


class Scale(keras.layers.Layer):  # type: ignore[misc]
    """A layer of the user's own."""

    def build(self, shape: Any) -> None:
        self.factor = self.add_weight(shape=(shape[-1],), initializer="ones", name="factor")

    def call(self, x: Any) -> Any:
        return x * self.factor


class Subclassed(keras.Model):  # type: ignore[misc]
    """A model with a `call` of its own, two inputs by name and two outputs by name."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.table = keras.layers.Embedding(10, 4, name="table")
        self.scores = decides(keras, 3, name="scores")

    def call(self, inputs: Any, training: bool = False) -> Any:
        both = keras.ops.concatenate([inputs["x"], keras.ops.mean(self.table(inputs["tokens"]), axis=1)], axis=-1)
        return {"scores": self.scores(both), "sum": keras.ops.sum(both, axis=-1, keepdims=True)}


def custom_layer(folder: Path) -> Case:
    x = uniform(6)
    model = keras.Sequential([keras.Input((6,), name="x"), Scale(name="mine"), decides(keras, 3, name="scores")])
    model.layers[0].factor.assign(uniform(6)[0])
    model.save(folder / "m.keras")
    return Case({"path": "m.keras"}, {"x": x}, {"scores": model(x)}, "keras")


def subclassed(folder: Path) -> Case:
    keras.utils.set_random_seed(1)
    inputs = {"x": uniform(5), "tokens": np.random.default_rng(2).integers(0, 10, (N, 4)).astype(np.int32)}
    model = Subclassed(name="mine")
    outputs = model(inputs)
    model.save(folder / "m.keras")
    return Case({"path": "m.keras", "input_dtypes": {"tokens": "int32"}}, inputs, outputs, "keras")


def batch_of_four(folder: Path) -> Case:
    return keras_zip(folder)._replace(convert={"batch": 4})


def free_batch(folder: Path) -> Case:
    return keras_zip(folder)._replace(convert={"batch": None})


def integer_pixels(folder: Path) -> Case:
    """uint8 goes in, the network itself rescales."""
    keras.utils.set_random_seed(1)
    image = keras.Input((8, 8, 1), dtype="uint8", name="image")
    x = keras.layers.Rescaling(1 / 127.5, offset=-1.0, dtype="float32")(image)
    model = keras.Model(image, decides(keras, 3, name="scores")(keras.layers.Flatten()(x)))
    model.save(folder / "m.keras")
    x = np.random.default_rng(2).integers(0, 256, (N, 8, 8, 1)).astype(np.uint8)
    return Case({"path": "m.keras"}, {"image": x}, {"scores": model(x)}, "keras")


FORMATS = [
    keras_zip,
    keras3_h5,
    keras2_h5,
    keras2_zip,
    saved_model_of_keras2,
    saved_model_of_keras3,
    recurrent_saved_model_of_keras2,
    saved_model_by_signature,
    tensorflow1_resources,
    tensorflow1_references,
]
KINDS = [
    two_inputs_two_outputs,
    dictionaries,
    dictionaries_keras2,
    tokens_with_attention,
    lstm,
    gru,
    bidirectional,
    free_height_and_width,
    free_length_saved_model,
    float16,
    mixed_float16,
    float64,
    float64_saved_model,
    custom_layer,
    subclassed,
    batch_of_four,
    free_batch,
    integer_pixels,
]


@pytest.fixture(autouse=True)
def _registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(custom.LAYERS, "Scale", Scale)
    monkeypatch.setitem(custom.LAYERS, "Subclassed", Subclassed)


@pytest.mark.parametrize("build", [*FORMATS, *KINDS], ids=lambda build: build.__name__)
def test_goes_through(build: Callable[[Path], Case], tmp_path: Path) -> None:
    case = build(tmp_path)
    variants = ["float32", case.quantized or "dynamic_int8"]
    configure(
        tmp_path,
        model=case.model,
        data=save_arrays(tmp_path / "d.npz", **case.inputs),
        variants=[*variants, *([] if case.quantized else ["int8"])],
        convert=case.convert,
        samples=150,
    )
    until_verified(tmp_path, variants=variants)

    facts = json.loads((tmp_path / "models/source.json").read_text())
    assert facts["format"] == case.format
    assert {entry["name"] for entry in facts["signature"]["inputs"]} == set(case.inputs)
    assert {entry["name"] for entry in facts["signature"]["outputs"]} == set(case.outputs)
    batch = case.convert.get("batch", 1)
    assert {entry["shape"][0] for entry in facts["signature"]["inputs"]} == {batch}

    # The original library's own outputs, on the very samples of the evaluation set.
    split = json.loads((tmp_path / "data/split.json").read_text())
    rows = [int(sample["id"].split("[")[1][:-1]) for sample in split["sets"]["evaluation"]["samples"]]
    for name, expected in case.outputs.items():
        wanted = np.asarray(expected, np.float64)[rows]
        for found in ("data/reference", "data/outputs/float32"):
            got = np.load(tmp_path / found / f"{name}.npy")
            np.testing.assert_allclose(got, wanted, rtol=0, atol=case.tolerance * np.abs(wanted).max(), err_msg=found)

    for variant in variants:
        report = json.loads((tmp_path / f"reports/verify/{variant}.json").read_text())
        assert report["passed"], (variant, [row["reason"] for row in report["checks"] if not row["passed"]])
    if case.quantized is None:
        stage(tmp_path, "quantize", "int8")
        failure = json.loads((tmp_path / "models/variants/int8/failure.json").read_text())
        assert re.search(r"static_wi8_ai8: the network holds WHILE ", json.dumps(failure))
        assert "use float16 or dynamic_int8" in json.dumps(failure)
        assert not (tmp_path / "models/variants/int8/model.tflite").exists()
    assert leftovers(tmp_path) == []


def test_without_labels_up_to_the_report(tmp_path: Path) -> None:
    """Everything works but the task's metrics, and the report says so."""
    case = keras_zip(tmp_path)
    data = save_arrays(tmp_path / "d.npz", **case.inputs)
    configure(tmp_path, model=case.model, data=data, samples=150)
    until_verified(tmp_path)
    shutil.copy(ROOT / "dvc.yaml", tmp_path)  # the report draws it
    for variant in ("float32", "int8"):
        stage(tmp_path, "benchmark", variant)
    for name in ("evaluate", "select", "report", "gate"):
        stage(tmp_path, name)
    decision = json.loads((tmp_path / "models/selected/decision.json").read_text())
    assert decision["selected"] == "int8"
    assert (tmp_path / "models/selected/model.tflite").exists()
    page = (tmp_path / "reports/index.html").read_text(encoding="utf-8")
    assert "no labels" in page
    assert "halves of the 150" in page
    assert "without labels" in (tmp_path / "reports/summary.md").read_text(encoding="utf-8")
