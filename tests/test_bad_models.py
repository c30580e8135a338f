"""What a user can get wrong about a model: each is refused with a message, and nothing is left behind."""

import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from pipeline.custom import layers as custom
from pipeline.errors import UserError
from pipeline.source.tensorflow_setup import tf
from tests.helpers import ROOT, call, edited_params
from tests.inprocess import configure, stage

import keras  # isort: skip
import tf_keras  # isort: skip

pytestmark = [
    pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file"),
    pytest.mark.filterwarnings("ignore:You are saving a model that has not yet been built"),
    pytest.mark.filterwarnings("ignore:The object being serialized includes a `lambda`"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


def small(library: Any) -> Any:
    x = library.Input((4,), name="x")
    return library.Model(x, library.layers.Dense(2, name="y")(x))


class Unknown(keras.layers.Layer):  # type: ignore[misc]
    def call(self, x: Any) -> Any:
        return x


class Unknown2(tf_keras.layers.Layer):  # type: ignore[misc]
    def call(self, x: Any) -> Any:
        return x


class Start(keras.initializers.Initializer):  # type: ignore[misc]
    def __call__(self, shape: Any, dtype: Any = None) -> Any:
        return keras.ops.ones(shape, dtype)


def cut(path: Path, share: float = 0.6) -> Path:
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    return path


def saved(folder: Path, name: str, library: Any = keras) -> Path:
    small(library).save(folder / name)
    return folder / name


def saved_model(folder: Path) -> Path:
    small(keras).export(folder / "m", verbose=False)
    return folder / "m"


def spoilt(path: Path) -> Path:
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 40] = b"x" * 40
    path.write_bytes(bytes(content))
    return path


def replaced(path: Path, old: bytes, new: bytes) -> Path:
    """Bytes that stand there, each time they do."""
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new))
    return path


def without_object(path: Path, name: str) -> Path:
    """An HDF5 file one of whose objects has a header of no known version."""
    with h5py.File(path, "r") as file:
        place = h5py.h5o.get_info(file[name].id).addr
    content = bytearray(path.read_bytes())
    content[place] = 99
    path.write_bytes(content)
    return path


def circular(path: Path) -> Path:
    """An HDF5 file whose lists of free places point to themselves: the library follows them for ever."""
    content = bytearray(path.read_bytes())
    at = content.index(b"HEAP")
    while at >= 0:
        size, free, place = struct.unpack_from("<QQQ", content, at + 8)
        if free < size:
            struct.pack_into("<Q", content, place + free, free)
        at = content.find(b"HEAP", at + 1)
    path.write_bytes(content)
    return path


def large(path: Path) -> Path:
    """A network with 25 gigabytes more in its file, all of them zeros that take some kilobytes."""
    with h5py.File(path, "a") as file:
        file.create_dataset("model_weights/more", (6_250_000_000,), np.float32, compression="gzip", chunks=(1_000_000,))
    return path


def text(folder: Path, name: str) -> Path:
    (folder / name).write_text("hello")
    return folder / name


def variables_cut(folder: Path) -> Path:
    path = saved_model(folder)
    cut(next((path / "variables").glob("*.data*")))
    return path


def variables_gone(folder: Path) -> Path:
    path = saved_model(folder)
    shutil.rmtree(path / "variables")
    return path


def weights_only(folder: Path, library: Any, name: str) -> Path:
    small(library).save_weights(folder / name)
    return folder / name


def made_of(folder: Path, layer: Any, name: str = "m.keras", library: Any = keras) -> Path:
    x = library.Input((4,), name="x")
    library.Model(x, layer(x)).save(folder / name)
    return folder / name


def without_signature(folder: Path) -> Path:
    tf.saved_model.save(tf.Module(), str(folder / "m"))
    return folder / "m"


def not_built(folder: Path) -> Path:
    keras.Sequential([keras.layers.Dense(2)]).save(folder / "m.keras")
    return folder / "m.keras"


def free_length(folder: Path) -> Path:
    x = keras.Input((None, 3), name="x")
    keras.Model(x, keras.layers.Conv1D(2, 3)(x)).save(folder / "m.keras")
    return folder / "m.keras"


def batch_of_8(folder: Path) -> Path:
    x = keras.Input(batch_shape=(8, 4), name="x")
    keras.Model(x, keras.layers.Dense(2)(x)).save(folder / "m.keras")
    return folder / "m.keras"


def words(folder: Path) -> Path:
    module = tf.Module()
    length = tf.function(lambda text: {"y": tf.strings.length(text)})
    tf.saved_model.save(
        module, str(folder / "m"), signatures=length.get_concrete_function(tf.TensorSpec([None], tf.string, "text"))
    )
    return folder / "m"


def doubled(t: Any) -> Any:
    return t * 2


def lambda_layer(library: Any) -> Any:
    return library.layers.Lambda(lambda t: t * 2, output_shape=(4,))


def with_lambda() -> Any:
    return keras.layers.Dense(2, name="d", kernel_initializer=lambda shape, dtype=None: keras.ops.ones(shape))


# What the user gives, with the rest of conf/model/, and what the pipeline says.
BAD: dict[str, tuple[Callable[[Path], Path], dict[str, Any], str]] = {
    "wrong path": (lambda d: d / "no.keras", {}, r"model\.path: no such file: .*no\.keras; set it in conf/model/"),
    "truncated .keras": (lambda d: cut(saved(d, "m.keras")), {}, r"m\.keras is not readable as a \.keras file.*may be truncated"),
    "a few bytes of .keras": (lambda d: text(d, "m.keras"), {}, r"m\.keras is not readable as a \.keras file: no zip archive"),
    "spoilt .keras": (lambda d: spoilt(saved(d, "m.keras")), {}, r"m\.keras is not readable.*CRC.*copy it again"),
    "truncated .h5 of Keras 3": (lambda d: cut(saved(d, "m.h5")), {}, r"m\.h5 is not readable as HDF5.*truncated"),
    "truncated .h5 of Keras 2": (lambda d: cut(saved(d, "m.h5", tf_keras)), {}, r"m\.h5 is not readable as HDF5.*truncated"),
    "damaged heap of .h5": (
        lambda d: replaced(saved(d, "m.h5"), b"HEAP", b"HEAQ"),
        {},
        r"model\.path: .*m\.h5 is not readable as .*: .*bad local heap signature.*copy it again",
    ),
    "damaged object of .h5": (
        lambda d: without_object(saved(d, "m.h5"), "model_weights/y"),
        {},
        r"model\.path: .*m\.h5 is not readable as .*bad object header version.*copy it again",
    ),
    "damaged configuration of .h5": (
        lambda d: replaced(saved(d, "m.h5"), b'{"module"', b'#"module"'),
        {},
        r"m\.h5 is not readable as a Keras model in HDF5: Expecting .*copy it again",
    ),
    "larger than the limit": (
        lambda d: large(saved(d, "m.h5", tf_keras)),
        {},
        r"model\.path: .*m\.h5: unpacked, it takes 25 GB, the limit is 16 GB; .*set limits\.gigabytes: 26 in",
    ),
    "a few bytes of .h5": (lambda d: text(d, "m.h5"), {}, r"m\.h5 is not readable as HDF5"),
    "truncated .pb": (lambda d: cut(saved_model(d) / "saved_model.pb").parent, {}, r"not readable as a SavedModel: Cannot parse.*"),
    "truncated variables": (variables_cut, {}, r"not readable as a SavedModel: .*may be truncated"),
    "missing variables": (variables_gone, {}, r"not readable as a SavedModel: .*variables"),
    "no SavedModel": (lambda d: saved_model(d).parent, {}, r"folder without saved_model\.pb.*did you mean .*m\?"),
    "empty folder": (lambda d: d, {}, r"folder without saved_model\.pb, so no SavedModel \(holds: nothing\)"),
    "the .pb itself": (lambda d: saved_model(d) / "saved_model.pb", {}, r"one file of a SavedModel; give the folder"),
    "a .tflite": (lambda d: text(d, "m.tflite"), {}, r"converted already.*pipeline\.cli\.audit --model MODEL --tflite .*m\.tflite"),
    "something else": (lambda d: text(d, "m.txt"), {}, r"is no saved network; expected a \.keras or \.h5 file"),
    "weights only": (lambda d: weights_only(d, keras, "m.weights.h5"), {}, r"weights but no architecture"),
    "weights only, Keras 2": (lambda d: weights_only(d, tf_keras, "m.h5"), {}, r"weights but no architecture"),
    "unknown signature": (
        saved_model,
        {"signature": "encode"},
        r"model\.signature: .* has no 'encode'; has: serve, serving_default",
    ),
    "no signature": (without_signature, {}, r"has no signature; save it with signatures="),
    "another format": (lambda d: saved(d, "m.keras"), {"format": "keras2_h5"}, r"keras2_h5 is not what .* holds: that is keras"),
    "missing class": (
        lambda d: made_of(d, Unknown()),
        {},
        r"needs the class 'Unknown'.*add it to LAYERS in pipeline/custom/layers\.py",
    ),
    "missing class, .h5": (lambda d: made_of(d, Unknown(), "m.h5"), {}, r"needs the class 'Unknown'.*LAYERS"),
    "missing class, Keras 2": (lambda d: made_of(d, Unknown2(), "m.h5", tf_keras), {}, r"needs the class 'Unknown2'.*LAYERS"),
    "missing initializer": (
        lambda d: made_of(d, keras.layers.Dense(2, kernel_initializer=Start())),
        {},
        r"Start.*LAYERS in pipeline/custom/layers\.py",
    ),
    "Lambda layer": (lambda d: made_of(d, lambda_layer(keras)), {}, r"holds a Lambda layer.*model\.trust_code: true"),
    "Lambda layer, .h5": (lambda d: made_of(d, lambda_layer(keras), "m.h5"), {}, r"holds a Lambda layer.*trust_code"),
    "Lambda layer, Keras 2": (
        lambda d: made_of(d, lambda_layer(tf_keras), "m.h5", tf_keras),
        {},
        r"holds a Lambda layer.*trust_code",
    ),
    "lambda as an initializer": (
        lambda d: made_of(d, with_lambda()),
        {},
        r"holds a lambda \(kernel_initializer of d\), .*give the layer a function with a name and save the network again",
    ),
    "lambda as an initializer, trusted": (
        lambda d: made_of(d, with_lambda()),
        {"trust_code": True},
        r"holds a lambda \(kernel_initializer of d\), and Keras' own layers do not read a lambda back: give the layer a function",
    ),
    "not built": (not_built, {}, r"was saved before it was built, so it holds no weights"),
    "inputs match nothing": (
        lambda d: saved(d, "m.keras"),
        {"inputs": {"image": [4]}},
        r"model\.inputs: the network has no input 'image'; has: x",
    ),
    "wrong rank": (
        lambda d: saved(d, "m.keras"),
        {"inputs": {"x": [4, 4]}},
        r"model\.inputs\.x: \[4, 4\] does not fit the network's \[4\]",
    ),
    "wrong length": (
        lambda d: saved(d, "m.keras"),
        {"inputs": {"x": [5]}},
        r"model\.inputs\.x: \[5\] does not fit the network's \[4\]",
    ),
    "left free": (free_length, {}, r"input x leaves dimensions free: \[None, 3\]; fix them.*inputs: \{x: \[64, 3\]\}"),
    "fixed batch": (batch_of_8, {}, r"saved with a batch of 8, asked for is 1; set convert\.batch: 8"),
    "words": (words, {}, r"input text is string; a \.tflite file takes numbers"),
}


def attempt(folder: Path, path: Path, **model: Any) -> None:
    configure(
        folder, model={"path": str(path), **model}, data={"path": "none", "reader": {"name": "npz", "options": {"inputs": {}}}}
    )
    stage(folder, "load")


@pytest.mark.parametrize("what", BAD)
def test_refuses(what: str, tmp_path: Path) -> None:
    build, model, message = BAD[what]
    given = tmp_path / "given"
    given.mkdir()
    project = tmp_path / "project"
    path = build(given)
    with pytest.raises(UserError, match=message):
        attempt(project, path, **model)
    assert [entry.name for entry in project.rglob("*") if entry.is_file()] == ["params.yaml"]


@pytest.mark.parametrize(("library", "name"), [(keras, "m.keras"), (keras, "m.h5"), (tf_keras, "m.h5"), (tf_keras, "m.keras")])
def test_trusted_code_runs(library: Any, name: str, tmp_path: Path) -> None:
    path = made_of(tmp_path, lambda_layer(library), name, library)
    attempt(tmp_path / "project", path, trust_code=True)
    run = tf.saved_model.load(str(tmp_path / "project/models/source")).signatures["serving_default"]
    (output,) = run(x=tf.ones((1, 4))).values()
    np.testing.assert_array_equal(output, 2 * np.ones((1, 4)))


def test_function_by_name_is_no_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Lambda layer around a registered function carries a name, and needs no trust."""
    path = made_of(tmp_path, keras.layers.Lambda(doubled, output_shape=(4,)))
    with pytest.raises(UserError, match=r"'?doubled'?.*LAYERS"):
        attempt(tmp_path / "a", path)
    monkeypatch.setitem(custom.LAYERS, "doubled", doubled)
    attempt(tmp_path / "b", path)


def test_what_a_user_class_raises_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(Unknown):
        def __init__(self, **options: Any) -> None:
            raise ZeroDivisionError("my own fault")

    path = made_of(tmp_path, Unknown())
    monkeypatch.setitem(custom.LAYERS, "Unknown", Broken)
    with pytest.raises(UserError, match="not readable as a Keras model: my own fault"):
        attempt(tmp_path / "project", path)


def test_several_signatures_and_no_choice(tmp_path: Path) -> None:
    module = tf.Module()
    spec = tf.TensorSpec([None, 2], tf.float32, "x")
    functions = {name: tf.function(lambda x: {"y": x + 1.0}).get_concrete_function(spec) for name in ("one", "two")}
    tf.saved_model.save(module, str(tmp_path / "m"), signatures=functions)
    with pytest.raises(UserError, match=r"model\.signature: .* has several; choose one of one, two"):
        attempt(tmp_path / "project", tmp_path / "m")


def test_weights_are_those_of_the_file(tmp_path: Path) -> None:
    model = small(tf_keras)
    model.save(tmp_path / "m.h5")
    attempt(tmp_path / "project", tmp_path / "m.h5")
    stored = np.load(tmp_path / "project/models/source_weights.npz")
    assert sorted(stored.files) == ["y/bias", "y/kernel"]
    np.testing.assert_array_equal(stored["y/kernel"], model.get_weights()[0])


def test_a_file_that_the_library_reads_for_ever(tmp_path: Path) -> None:
    """In a process of its own, as DVC starts it: the library never comes back, and hears no signal."""
    given = tmp_path / "given"
    given.mkdir()
    path = circular(saved(given, "m.h5"))
    data = {"path": "none", "reader": {"name": "npz", "options": {"inputs": {}}}}
    configure(tmp_path / "p", model={"path": str(path)}, data=data)
    edited_params(tmp_path / "p", tmp_path / "p", {"limits.seconds": 2})
    done = call("python", "-m", "pipeline.load", cwd=tmp_path / "p", check=False, PYTHONPATH=str(ROOT))
    assert done.returncode == 1
    assert done.stdout.startswith(f"error: model.path: {path} is not readable as a saved network: no end after 2 s; ")
    assert done.stdout.endswith("copy it again, or raise limits.seconds in conf/config.yaml, which is 2\n")
    assert done.stdout.count("\n") == 1
    assert [entry.name for entry in (tmp_path / "p").rglob("*") if entry.is_file()] == ["params.yaml"]
