"""Files that do something to the machine when they are loaded or run, each with a target that shows whether it has happened."""

import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from pipeline.source.tensorflow_setup import tf

import keras  # isort: skip
import tf_keras  # isort: skip
from tensorflow.core.protobuf import saved_model_pb2  # isort: skip

Config = dict[str, Any]
LIBRARIES = {"keras": keras, "tf_keras": tf_keras}


def small(library: Any) -> Any:
    """x [4] -> y [2]; the layer `y` is dense."""
    x = library.Input((4,), name="x")
    return library.Model(x, library.layers.Dense(2, name="y")(x))


def edited(path: Path, edit: Callable[[Config], None]) -> Path:
    """A Keras file with its configuration changed."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        config = json.loads(members["config.json"])
        edit(config)
        members["config.json"] = json.dumps(config).encode()
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in members.items():
                archive.writestr(name, content)
    else:
        with h5py.File(path, "a") as file:
            config = json.loads(file.attrs["model_config"])
            edit(config)
            file.attrs["model_config"] = json.dumps(config).encode()
    return path


def made(folder: Path, name: str, library: str, edit: Callable[[Config], None] = lambda config: None) -> Path:
    """`small`, saved and edited."""
    small(LIBRARIES[library]).save(folder / name)
    return edited(folder / name, edit)


def dense(config: Config) -> Config:
    """The configuration of the layer `y`, wherever it is."""
    return next(layer["config"] for layer in config["config"]["layers"] if layer["config"]["name"] == "y")


def layer2(config: Config, kind: str, options: Config, first: Any, more: Config | None = None, **around: Any) -> None:
    """Add a layer of Keras 2 that is called on constants while the network is built."""
    config["config"]["layers"].append(
        {
            "class_name": kind,
            "config": {"name": "planted", "trainable": True, "dtype": "float32", **options},
            "name": "planted",
            "inbound_nodes": [["_CONSTANT_VALUE", -1, first, more or {}]],
            **around,
        }
    )


def called(function: str, first: Any, **more: Any) -> Callable[[Config], None]:
    """Edit: a TFOpLambda around a function, called on constants."""
    return lambda config: layer2(config, "TFOpLambda", {"function": function}, first, more)


def layer3(config: Config, kind: str, options: Config, *, module: str = "keras.layers", inputs: Any = "float16") -> None:
    """Add a layer of Keras 3 that is called on constants while the network is built."""
    config["config"]["layers"].append(
        {
            "module": module,
            "class_name": kind,
            "config": {"name": "planted", **options},
            "registered_name": None,
            "name": "planted",
            "inbound_nodes": [{"args": [], "kwargs": {"inputs": inputs}}],
        }
    )


def function(module: str, name: str, registered: str | None = None) -> Config:
    return {"module": module, "class_name": "function", "config": name, "registered_name": registered or name}


def nested(config: Config, edit: Callable[[Config], None], inner: Path) -> None:
    """Edit the configuration of a model and put it into another as its layer."""
    with h5py.File(inner) as file:
        part = json.loads(file.attrs["model_config"])
    edit(part)
    part["config"]["name"] = "inner"
    config["config"]["layers"].append({**part, "name": "inner", "inbound_nodes": [[["x", 0, 0, {}]]]})


# --- SavedModels


def module(folder: Path, compute: Callable[[Any], Any], **attributes: Any) -> Path:
    """A SavedModel with one signature, x [?, 4] -> y."""
    network = tf.Module()
    for name, value in attributes.items():
        setattr(network, name, value)
    network.weight = tf.Variable(2.0)
    call = tf.function(lambda x: {"y": compute(x) * network.weight})
    spec = tf.TensorSpec([None, 4], tf.float32, name="x")
    tf.saved_model.save(network, str(folder / "m"), signatures=call.get_concrete_function(spec))
    return folder / "m"


def after(*effects: Any) -> Callable[[Any], Any]:
    """The value of a tensor once something else has happened."""

    def identity(x: Any) -> Any:
        with tf.control_dependencies([effect for effect in effects if effect is not None]):
            return tf.identity(x)

    return identity


class Resource(tf.saved_model.experimental.TrackableResource):  # type: ignore[misc]
    """A table-like object whose initializer runs while it is loaded."""

    def __init__(self, initialize: Callable[[], None]) -> None:
        super().__init__(device="CPU")
        self._begin = initialize
        self.resource_handle  # noqa: B018

    def _create_resource(self) -> Any:
        return tf.raw_ops.MutableHashTableV2(key_dtype=tf.string, value_dtype=tf.int64)

    def _initialize(self) -> None:
        self._begin()

    def _destroy_resource(self) -> None:
        pass


def graph1(folder: Path, build: Callable[[Any], tuple[Any, Any]], *, assets: bool = False) -> Path:
    """A SavedModel of TensorFlow 1, x [?, 4] -> y; `build` gives the output and the main operation."""
    v1 = tf.compat.v1
    with tf.Graph().as_default() as graph, v1.Session() as session:
        x = v1.placeholder(tf.float32, [None, 4], name="x")
        y, main = build(x)
        y = y * v1.get_variable("weight", [], initializer=v1.ones_initializer())
        session.run(v1.global_variables_initializer())
        signature = v1.saved_model.signature_def_utils.build_signature_def(
            {"x": v1.saved_model.build_tensor_info(x)}, {"y": v1.saved_model.build_tensor_info(y)}, "predict"
        )
        builder = v1.saved_model.Builder(str(folder / "m"))
        builder.add_meta_graph_and_variables(
            session,
            ["serve"],
            signature_def_map={"serving_default": signature},
            main_op=main,
            assets_collection=graph.get_collection("asset_filepaths") if assets else None,
        )
        builder.save()
    return folder / "m"


def reshaped(path: Path, edit: Callable[[Any], None]) -> Path:
    """A SavedModel with its first MetaGraphDef changed."""
    content = saved_model_pb2.SavedModel()
    content.ParseFromString((path / "saved_model.pb").read_bytes())
    edit(content.meta_graphs[0])
    (path / "saved_model.pb").write_bytes(content.SerializeToString())
    return path


def table(vocabulary: Path) -> Any:
    """A table from words to the numbers of their lines."""
    start = tf.lookup.TextFileInitializer(
        str(vocabulary), tf.string, tf.lookup.TextFileIndex.WHOLE_LINE, tf.int64, tf.lookup.TextFileIndex.LINE_NUMBER
    )
    return tf.lookup.StaticHashTable(start, -1)


def looked_up(found: Any, x: Any) -> Any:
    return x + tf.cast(found.lookup(tf.constant("swordfish")), tf.float32)


# --- arrays that are kept elsewhere


def linked(path: Path, target: Path, how: str) -> Path:
    """An HDF5 file whose kernel of `y` is kept in another file."""
    with h5py.File(path, "a") as file:
        names: list[str] = []
        file.visititems(
            lambda name, entry: names.append(name) if isinstance(entry, h5py.Dataset) and entry.shape == (4, 2) else None
        )
        (name,) = names
        del file[name]
        if how == "link":
            with h5py.File(target, "w") as other:
                other["secret"] = np.full((4, 2), 7, np.float32)
            file[name] = h5py.ExternalLink(str(target), "secret")
        elif how == "external":
            target.write_bytes(np.full((4, 2), 7, np.float32).tobytes())
            file.create_dataset(name, (4, 2), np.float32, external=[(str(target), 0, 32)])
        else:
            with h5py.File(target, "w") as other:
                other["secret"] = np.full((4, 2), 7, np.float32)
            layout = h5py.VirtualLayout((4, 2), np.float32)
            layout[:] = h5py.VirtualSource(str(target), "secret", (4, 2))
            file.create_virtual_dataset(name, layout)
    return path


def in_archive(path: Path, change: Callable[[Path], Any], scratch: Path) -> Path:
    """A .keras file with its weights changed."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    inside = scratch / "weights.h5"
    inside.write_bytes(members["model.weights.h5"])
    change(inside)
    members["model.weights.h5"] = inside.read_bytes()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def with_member(path: Path, name: str) -> Path:
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(name, b"planted")
    return path


def both(hdf5: Path, archive: Path, name: str) -> Path:
    """A file that is HDF5 from its start and a zip archive from its end."""
    target = hdf5.with_name(name)
    content = hdf5.read_bytes() + archive.read_bytes()
    hdf5.unlink()
    archive.unlink()
    target.write_bytes(content)
    return target


def writing_graph(target: Path) -> bytes:
    """A dataset that writes when it is read, as its graph stands inside a constant."""

    def write(number: Any) -> Any:
        tf.io.write_file(str(target), "planted")
        return number

    dataset = tf.data.Dataset.range(1).map(write)
    return bytes(tf.raw_ops.DatasetToGraphV2(input_dataset=dataset._variant_tensor).numpy())


def ran(network: Any) -> None:
    """Run a loaded network once, on zeros."""
    network.call({name: tf.zeros([size or 1 for size in spec.shape], spec.dtype) for name, spec in network.inputs.items()})


def planted_module(folder: Path, target: Path) -> str:
    """The name of an importable Python module that writes while it is imported; `folder` must be on the path."""
    name = f"planted_{os.getpid()}_{abs(hash(str(target)))}"
    (folder / f"{name}.py").write_text(f"open({str(target)!r}, 'w').close()\nclass Planted: pass\n")
    return name
