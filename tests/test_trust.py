"""What the file of a network does beside being one: each trick that was tried, refused by `load` and `audit` with nothing done.

The same file with `trust_code: true` does do it where that is harmless, so that each trick is one.
"""

import json
import shutil
import types
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from pipeline.cli import audit
from pipeline.errors import UserError
from pipeline.source import loaders
from pipeline.source.tensorflow_setup import tf
from tests import tricks
from tests.inprocess import configure, stage
from tests.tricks import after, called, dense, edited, function, layer2, layer3, made, module

import keras  # isort: skip
import tf_keras  # isort: skip
from tensorflow.core.protobuf import saved_model_pb2  # isort: skip
from tf_keras.protobuf import saved_metadata_pb2  # isort: skip

pytestmark = [
    pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file"),
    pytest.mark.filterwarnings("ignore:The object being serialized includes a `lambda`"),
    pytest.mark.filterwarnings("ignore:.* is not loaded, but a Lambda layer uses it"),
    pytest.mark.filterwarnings("ignore:Duplicate name"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


class Trick(NamedTuple):
    """A file that does something.

    Attributes:
        build: the file, from a folder to put it in and the target.
        message: what the pipeline says of it.
        effect: "written", "deleted" (the target is a folder with a file) or "read" (the target holds a word) when trusted and run;
            "changed": Keras' default dtype is; "" where it does nothing here, as Keras refuses it too or as it would do harm.
    """

    build: Callable[[Path, Path], Path]
    message: str
    effect: str = "written"


def h5(edit: Callable[[Any], None]) -> Callable[[Path, Path], Path]:
    return lambda folder, target: made(folder, "m.h5", "tf_keras", edit)


def keras2(edit: Callable[[Any], None]) -> Callable[[Path, Path], Path]:
    return lambda folder, target: made(folder, "m.keras", "tf_keras", edit)


def keras3(edit: Callable[[Any], None]) -> Callable[[Path, Path], Path]:
    return lambda folder, target: made(folder, "m.keras", "keras", edit)


def calls(name: str, first: Callable[[Path], Any] = str, **more: Callable[[Path], Any]) -> Callable[[Path, Path], Path]:
    """A Keras 2 .h5 with a TFOpLambda, whose arguments are made of the target."""
    return lambda folder, target: made(
        folder, "m.h5", "tf_keras", called(name, first(target), **{key: value(target) for key, value in more.items()})
    )


def const(value: Any) -> Callable[[Path], Any]:
    return lambda target: value


def acting(target: Path) -> Any:
    """A lambda that writes. Its bytecode holds all that it needs, as that is all that a file holds."""
    code = (lambda x: (__import__("pathlib").Path("TARGET").touch(), x)[1]).__code__
    constants = tuple(str(target) if constant == "TARGET" else constant for constant in code.co_consts)
    return types.FunctionType(code.replace(co_consts=constants), {}, "<lambda>")


def with_lambda(library: str, name: str, where: str) -> Callable[[Path, Path], Path]:
    """A lambda that writes as a layer, or as an activation."""

    def build(folder: Path, target: Path) -> Path:
        own = tricks.LIBRARIES[library]
        act = acting(target)
        x = own.Input((4,), name="x")
        if where == "layer":
            made_of = own.layers.Lambda(act, output_shape=(4,))(x)
        elif where == "activation":
            made_of = own.layers.Dense(2, activation=act)(x)
        else:
            made_of = own.layers.Dense(2, activation=own.layers.Lambda(act, output_shape=(2,)))(x)
        target.unlink(missing_ok=True)
        own.Model(x, made_of).save(folder / name)
        target.unlink(missing_ok=True)
        return folder / name

    return build


def bytecode(folder: Path, target: Path) -> Path:
    """An activation that says it is a lambda; Keras itself does not write it so."""

    def edit(config: Any) -> None:
        options = keras.layers.Lambda(acting(target)).get_config()["function"]["config"]
        dense(config)["activation"] = {"class_name": "__lambda__", "config": {"value": [options["code"], None, None]}}

    return made(folder, "m.keras", "keras", edit)


def bare_lambda(config: Any) -> None:
    """A Lambda layer with bytecode that does not call it so."""
    options = {key: value for key, value in tf_keras.layers.Lambda(lambda x: x).get_config().items() if not key.endswith("_type")}
    options["function"] = list(options["function"])
    config["config"]["layers"].append(
        {"class_name": "Lambda", "config": options, "name": "l", "inbound_nodes": [[["x", 0, 0, {}]]]}
    )


def lambda2(named: str, where: str, argument: Callable[[Path], Any]) -> Callable[[Path, Path], Path]:
    """A Lambda layer of a .keras file of Keras 2 around any function of any module."""

    def build(folder: Path, target: Path) -> Path:
        def edit(config: Any) -> None:
            options = {
                "function": function(where, named),
                "function_type": "function",
                "module": None,
                "output_shape": None,
                "output_shape_type": "raw",
                "output_shape_module": None,
                "arguments": {},
            }
            layer2(config, "Lambda", options, argument(target), module="tf_keras.layers", registered_name=None)

        return made(folder, "m.keras", "tf_keras", edit)

    return build


def lookup(library: str, name: str, kind: str = "StringLookup") -> Callable[[Path, Path], Path]:
    def build(folder: Path, target: Path) -> Path:
        own = tricks.LIBRARIES[library]
        target.write_text("swordfish\n")
        x = own.Input((1,), name="x", dtype="string")
        own.Model(x, getattr(own.layers, kind)(vocabulary=["a", "b"])(x)).save(folder / name)

        def edit(config: Any) -> None:
            options = next(layer["config"] for layer in config["config"]["layers"] if layer["class_name"] == kind)
            options["vocabulary"] = str(target)

        return edited(folder / name, edit)

    return build


def operator_layer(config: Any, target: Path) -> None:
    """A TensorFlowOpLayer, as TensorFlow 2.0 to 2.3 wrote them, that is a checkpoint's writer."""
    node = {"name": "save", "op": "SaveV2", "input": ["p", "n", "s", "x"], "attr": {"dtypes": {"list": {"type": ["DT_FLOAT"]}}}}
    config["config"]["layers"].append(
        {
            "class_name": "TensorFlowOpLayer",
            "config": {"name": "planted", "node_def": node, "constants": {"0": str(target), "1": ["x"], "2": [""]}},
            "name": "tf_op_layer_planted",
            "inbound_nodes": [[["x", 0, 0, {}]]],
        }
    )


def inside_another(folder: Path, target: Path) -> Path:
    inner = made(folder, "inner.h5", "tf_keras")
    return made(
        folder, "m.h5", "tf_keras", lambda config: tricks.nested(config, called("io.write_file", str(target), contents="x"), inner)
    )


def wrapped(config: Any, target: Path) -> None:
    inside = {"class_name": "TFOpLambda", "config": {"name": "planted", "function": "io.write_file"}}
    layer2(config, "TimeDistributed", {"layer": inside}, [[1.0]])


def elsewhere(config: Any, kind: str) -> None:
    """The layer `y` is of another class."""
    layer = config["config"]["layers"][-1]
    layer["class_name"] = kind


def other_model(folder: Path, target: Path) -> Path:
    """TFSMLayer around a SavedModel that writes."""
    other = module(folder, lambda x: after(tf.io.write_file(str(target), "x"))(x))
    x = keras.Input((4,), name="x")
    layer = keras.layers.TFSMLayer(str(other), call_endpoint="serving_default")
    keras.Model(x, layer(x)).save(folder / "m.keras")
    target.unlink(missing_ok=True)
    return folder / "m.keras"


def compiled_inside(config: Any) -> None:
    """A nested model that is compiled with a loss from any module."""
    part = keras.saving.serialize_keras_object(tricks.small(keras))
    part["config"]["name"] = "inner"
    part["compile_config"] = {"optimizer": "sgd", "loss": function("os", "system")}
    part["inbound_nodes"] = config["config"]["layers"][1]["inbound_nodes"]
    config["config"]["layers"].append({**part, "name": "inner"})


def imports_module(folder: Path, target: Path) -> Path:
    return lambda2("Planted", tricks.planted_module(folder, target), str)(folder, target)


def polyglot(library: str, name: str) -> Callable[[Path, Path], Path]:
    """What is judged as HDF5 is read as a zip archive, or the other way round."""

    def build(folder: Path, target: Path) -> Path:
        hdf5 = made(folder, "a.h5", library)
        edit: Callable[[Any], None] = partial(layer3, kind="Lambda", options={"function": function("keras.config", "set_floatx")})
        archive = made(folder, "b.keras", "keras", edit)
        return tricks.both(hdf5, archive, name)

    return build


def linked(library: str, name: str, how: str) -> Callable[[Path, Path], Path]:
    return lambda folder, target: tricks.linked(made(folder, name, library), target, how)


def linked_inside(library: str, how: str) -> Callable[[Path, Path], Path]:
    return lambda folder, target: tricks.in_archive(
        made(folder, "m.keras", library), lambda inside: tricks.linked(inside, target, how), folder
    )


def beginning(folder: Path, target: Path) -> Path:
    """A resource whose initializer writes."""
    path = module(folder, lambda x: x, planted=tricks.Resource(lambda: tf.io.write_file(str(target), "x")))
    target.unlink(missing_ok=True)
    return path


def saves(effect: Callable[[Path], Any]) -> Callable[[Path, Path], Path]:
    """A SavedModel whose signature does something with the target."""

    def build(folder: Path, target: Path) -> Path:
        return module(folder, lambda x: after(effect(target))(x))

    return build


def reads(effect: Callable[[Path, Any], Any]) -> Callable[[Path, Path], Path]:
    """A SavedModel whose signature computes with what the target holds."""

    def build(folder: Path, target: Path) -> Path:
        target.write_text("swordfish\n")
        return module(folder, lambda x: x + tf.cast(tf.reduce_sum(effect(target, x)), tf.float32))

    return build


def branch(target: Path) -> Any:
    return tf.cond(tf.constant(value=True), lambda: (tf.io.write_file(str(target), "x"), tf.constant(0))[1], lambda: tf.constant(1))


def loop(target: Path) -> Any:
    def body(number: Any) -> Any:
        tf.io.write_file(str(target), "x")
        return number + 1

    return tf.while_loop(lambda number: number < 1, body, [tf.constant(0)])[0]


def checkpoint(target: Path) -> Any:
    return tf.raw_ops.SaveV2(prefix=str(target), tensor_names=["a"], shape_and_slices=[""], tensors=[tf.constant(1.0)])


def restored(target: Path, x: Any) -> Any:
    return tf.raw_ops.RestoreV2(prefix=str(target), tensor_names=["a"], shape_and_slices=[""], dtypes=[tf.float32])[0]


def restores(folder: Path, target: Path) -> Path:
    path = module(folder, lambda x: x + restored(target, x))
    checkpoint(target)
    return path


def hidden(folder: Path, target: Path) -> Path:
    """A graph of tf.data inside a constant, which no scanner of operators sees."""
    graph = tricks.writing_graph(target)

    def run(x: Any) -> Any:
        nothing = tf.strings.substr(tf.strings.as_string(x[0, 0]), 0, 0)  # or the dataset would be a constant
        dataset = tf.raw_ops.DatasetFromGraph(graph_def=tf.strings.join([tf.constant(graph), nothing]))
        got = tf.raw_ops.DatasetToSingleElement(dataset=dataset, output_types=[tf.int64], output_shapes=[[]])
        return x + tf.cast(got[0], tf.float32)

    return module(folder, run)


def main_operation(folder: Path, target: Path) -> Path:
    return tricks.graph1(folder, lambda x: (x, tf.compat.v1.write_file(str(target), "x")))


def while_restoring(folder: Path, target: Path) -> Path:
    """The restoring of TensorFlow 1 waits for a file to be written."""
    path = tricks.graph1(folder, lambda x: (x + 0 * tf.identity(1.0), None))

    def edit(graph: Any) -> None:
        nodes = graph.graph_def.node
        saving = next(node for node in nodes if node.op == "SaveV2")
        prefix = nodes.add(name="prefix", op="Const")
        prefix.attr["dtype"].type = tf.string.as_datatype_enum
        prefix.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(str(target)))
        other = nodes.add()
        other.CopyFrom(saving)
        other.name, other.input[0] = "planted", "prefix"
        next(node for node in nodes if node.name == graph.saver_def.restore_op_name).input.append("^planted")

    return tricks.reshaped(path, edit)


def other_checkpoint(folder: Path, target: Path) -> Path:
    """The restoring of TensorFlow 1 reads a checkpoint of somebody else."""
    path = tricks.graph1(folder, lambda x: (x, None))
    for file in (path / "variables").iterdir():
        shutil.copy(file, target.parent / file.name.replace("variables", target.name))
    shutil.copy(target.parent / f"{target.name}.index", target)

    def edit(graph: Any) -> None:
        nodes = graph.graph_def.node
        prefix = nodes.add(name="prefix", op="Const")
        prefix.attr["dtype"].type = tf.string.as_datatype_enum
        prefix.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(str(target)))
        next(node for node in nodes if node.op == "RestoreV2").input[0] = "prefix"

    return tricks.reshaped(path, edit)


def vocabulary(*, assets: bool) -> Callable[[Path, Path], Path]:
    """A table of TensorFlow 1 whose vocabulary is no asset, or which is read again where the path of the asset is not given."""

    def build(folder: Path, target: Path) -> Path:
        target.write_text("swordfish\n")

        def graph(x: Any) -> tuple[Any, Any]:
            found = tricks.table(target)
            start = found._initializer.initialize(found) if assets else None
            with tf.control_dependencies([start] if assets else []):
                return tricks.looked_up(found, x), tf.compat.v1.tables_initializer()

        return tricks.graph1(folder, graph, assets=assets)

    return build


def asset(name: Callable[[Path, Path], str]) -> Callable[[Path, Path], Path]:
    """An asset of TensorFlow 2 under a name that leads out of the folder."""

    def build(folder: Path, target: Path) -> Path:
        target.write_text("swordfish\n")
        found = tricks.table(target)
        path = module(folder, lambda x: tricks.looked_up(found, x), table=found)
        wanted = name(path, target)

        def edit(graph: Any) -> None:
            graph.asset_file_def[0].filename = wanted

        return tricks.reshaped(path, edit)

    return build


def constant_path(folder: Path, target: Path) -> Path:
    """A table whose path is a constant instead of an asset."""
    target.write_text("swordfish\n")

    class Table(tricks.Resource):
        def __init__(self) -> None:
            super().__init__(self.fill)

        def fill(self) -> None:
            tf.raw_ops.InitializeTableFromTextFileV2(
                table_handle=self.resource_handle, filename=str(target), key_index=-2, value_index=-1
            )

        def _create_resource(self) -> Any:
            return tf.raw_ops.HashTableV2(key_dtype=tf.string, value_dtype=tf.int64)

    return module(folder, lambda x: x, planted=Table())


def as_text(folder: Path, target: Path) -> Path:
    """saved_model.pbtxt instead of saved_model.pb."""
    path = saves(lambda target: tf.io.write_file(str(target), "x"))(folder, target)
    content = saved_model_pb2.SavedModel()
    content.ParseFromString((path / "saved_model.pb").read_bytes())
    (path / "saved_model.pb").unlink()
    (path / "saved_model.pbtxt").write_text(str(content))
    return path


class Acting(tf_keras.layers.Layer):  # type: ignore[misc]
    """A layer of a SavedModel of Keras 2: its graph acts, its class is not needed to load it."""

    def __init__(self, target: str = "", **options: Any) -> None:
        super().__init__(**options)
        self.target = target

    def call(self, x: Any) -> Any:
        return after(tf.io.write_file(self.target, "x"))(x)

    def get_config(self) -> Any:
        return {**super().get_config(), "target": self.target}


def layers_of_2(layer: Callable[[Path], Any]) -> Callable[[Path, Path], Path]:
    def build(folder: Path, target: Path) -> Path:
        x = tf_keras.Input((4,), name="x")
        model = tf_keras.Model(x, layer(target)(x))
        model.save(folder / "m", save_format="tf")
        target.unlink(missing_ok=True)
        return folder / "m"

    return build


def metadata_of_2(folder: Path, target: Path) -> Path:
    """A SavedModel of Keras 2 whose metadata holds one layer more, called on constants."""
    tricks.small(tf_keras).save(folder / "m", save_format="tf")
    file = folder / "m" / "keras_metadata.pb"
    content = saved_metadata_pb2.SavedMetadata()
    content.ParseFromString(file.read_bytes())
    for node in content.nodes:
        if node.node_path == "root":
            metadata = json.loads(node.metadata)
            called("io.write_file", str(target), contents="x")(metadata)
            node.metadata = json.dumps(metadata)
    file.write_bytes(content.SerializeToString())
    return folder / "m"


CALLS = r"holds a TFOpLambda layer \(planted\) that calls tf\.{}, which is no function of tensors alone.*trust_code: true \(--trust"
OPERATOR = (
    r"holds the operator {} \(node .*\), which .*trust_code: true \(--trust-code of audit\), or export the network without it"
)
READS = r"holds a (StringLookup|TextVectorization) layer \(.*\) that reads the file .*target.*trust_code: true"
LINK = r"holds a link to .*target \(/.*\), which reads another file of this machine"
KEPT = r"holds an array that is kept in .*target \(/.*\), which reads another file of this machine"
OUT = r"holds a member named '.*', which leads out of the archive"
NO_ASSET = r"InitializeTableFromTextFileV2 \(node .*\), which reads a file that is no asset of the folder.*trust_code: true"
MISSING = r"needs the {} '{}', which Keras does not know: .*add it to LAYERS in pipeline/custom/layers\.py"


def by_name(module: str, name: str, *, effect: str = "", **given: Any) -> Trick:
    """A Lambda layer of Keras 3 that calls a function by its name while the network is built."""
    edit = partial(layer3, kind="Lambda", options={"function": function(module, name)}, **given)
    return Trick(keras3(edit), MISSING.format("function", name), effect)


TRICKS: dict[str, Trick] = {
    # --- a function of TensorFlow by name, called on constants while the network is built
    "write_file": Trick(calls("io.write_file", contents=const("x")), CALLS.format(r"io\.write_file")),
    "write_file, name of 1.x": Trick(calls("compat.v1.write_file", contents=const("x")), CALLS.format(r"compat\.v1\.write_file")),
    "print to a file": Trick(calls("print", const("x"), output_stream=lambda t: f"file://{t}"), CALLS.format("print")),
    "makedirs": Trick(calls("io.gfile.makedirs"), CALLS.format(r"io\.gfile\.makedirs")),
    "copy": Trick(calls("io.gfile.copy", const(__file__), dst=str), CALLS.format(r"io\.gfile\.copy")),
    "rmtree": Trick(calls("io.gfile.rmtree"), CALLS.format(r"io\.gfile\.rmtree"), "deleted"),
    "rename": Trick(calls("io.gfile.rename", dst=lambda t: f"{t}-moved"), CALLS.format(r"io\.gfile\.rename"), "deleted"),
    "read_file": Trick(calls("io.read_file"), CALLS.format(r"io\.read_file"), "read"),
    "load_op_library": Trick(calls("load_op_library"), CALLS.format("load_op_library"), ""),
    "load_library": Trick(calls("load_library"), CALLS.format("load_library"), ""),
    "saved_model.load": Trick(calls("saved_model.load"), CALLS.format(r"saved_model\.load"), ""),
    "train.load_checkpoint": Trick(calls("train.load_checkpoint"), CALLS.format(r"train\.load_checkpoint"), ""),
    "dump_debug_info": Trick(calls("debugging.experimental.enable_dump_debug_info"), CALLS.format("debugging.*"), ""),
    "connect_to_host": Trick(calls("config.experimental_connect_to_host"), CALLS.format(r"config\..*"), ""),
    "profiler": Trick(calls("profiler.experimental.start"), CALLS.format(r"profiler\..*"), ""),
    "summary writer": Trick(calls("summary.create_file_writer"), CALLS.format(r"summary\..*"), ""),
    "raw_ops": Trick(calls("raw_ops.WriteFile", contents=const("x")), CALLS.format(r"raw_ops\.WriteFile"), ""),
    "get_file": Trick(
        calls(
            "keras.utils.get_file",
            const("f"),
            origin=const(Path(__file__).as_uri()),
            cache_dir=lambda t: str(t.parent),
            cache_subdir=const("target"),
        ),
        CALLS.format(r"keras\.utils\.get_file"),
    ),
    "load_model": Trick(calls("keras.models.load_model"), CALLS.format(r"keras\.models\.load_model"), ""),
    "plot_model": Trick(calls("keras.utils.plot_model", const(None)), CALLS.format(r"keras\.utils\.plot_model"), ""),
    "no such function": Trick(calls("io.no_such_thing"), CALLS.format(r"io\.no_such_thing"), ""),
    "SlicingOpLambda": Trick(
        lambda f, t: made(
            f,
            "m.h5",
            "tf_keras",
            partial(layer2, kind="SlicingOpLambda", options={"function": "io.write_file"}, first=str(t), more={"contents": "x"}),
        ),
        r"holds a SlicingOpLambda layer \(planted\) that calls tf\.io\.write_file",
    ),
    "ClassMethod": Trick(
        lambda f, t: made(
            f,
            "m.h5",
            "tf_keras",
            partial(
                layer2, kind="ClassMethod", first=[str(t)], options={"cls_symbol": "data.Dataset", "method_name": "list_files"}
            ),
        ),
        r"holds a ClassMethod layer \(planted\) that calls tf\.data\.Dataset\.list_files",
        "",
    ),
    "InstanceMethod": Trick(
        h5(partial(layer2, kind="InstanceMethod", options={"attr_name": "__reduce_ex__"}, first=[[1.0]])),
        r"holds a InstanceMethod layer \(planted\) that calls the method __reduce_ex__",
        "",
    ),
    "InstanceProperty": Trick(
        h5(partial(layer2, kind="InstanceProperty", options={"attr_name": "__class__"}, first=[[1.0]])),
        r"holds a InstanceProperty layer \(planted\) that calls the property __class__",
        "",
    ),
    "TensorFlowOpLayer": Trick(
        lambda f, t: made(f, "m.h5", "tf_keras", lambda config: operator_layer(config, t)),
        r"holds a TensorFlowOpLayer \(planted\) that runs the operator SaveV2, which reads or writes files",
        "",
    ),
    "in a nested model": Trick(inside_another, r"holds a TFOpLambda layer \(planted\) that calls tf\.io\.write_file"),
    "in a wrapper": Trick(
        lambda f, t: made(f, "m.h5", "tf_keras", lambda config: wrapped(config, t)),
        r"holds a TFOpLambda layer \(planted\) that calls tf\.io\.write_file",
        "",
    ),
    "write_file, .keras of Keras 2": Trick(
        lambda f, t: made(
            f,
            "m.keras",
            "tf_keras",
            lambda config: (
                called("io.write_file", str(t), contents="x")(config)
                or config["config"]["layers"][-1].update(
                    module="tf_keras.src.layers.core.tf_op_layer", registered_name="TFOpLambda"
                )
            ),
        ),
        r"holds a TFOpLambda layer \(planted\) that calls tf\.io\.write_file",
    ),
    # --- bytecode (CVE-2024-3660, CVE-2025-9905)
    "lambda, .h5 of Keras 2": Trick(with_lambda("tf_keras", "m.h5", "layer"), r"holds a Lambda layer.*trust_code: true"),
    "lambda, .keras of Keras 2": Trick(with_lambda("tf_keras", "m.keras", "layer"), r"holds a Lambda layer.*trust_code"),
    "lambda, .keras": Trick(with_lambda("keras", "m.keras", "layer"), r"holds a Lambda layer.*trust_code: true"),
    "lambda, .h5 of Keras 3": Trick(with_lambda("keras", "m.h5", "layer"), r"holds a Lambda layer.*trust_code: true"),
    "lambda that is not called so": Trick(h5(bare_lambda), r"holds a Lambda layer.*with Python code.*trust_code: true", ""),
    "lambda as an activation": Trick(with_lambda("keras", "m.keras", "activation"), r"holds a lambda \(activation of dense", ""),
    "lambda as an activation, Keras 2": Trick(
        with_lambda("tf_keras", "m.keras", "activation"), r"holds a lambda \(activation of dense", ""
    ),
    "bytecode as an activation": Trick(bytecode, r"holds a lambda \(activation of y\)"),
    "Lambda layer as an activation": Trick(with_lambda("keras", "m.keras", "activation layer"), r"holds a Lambda layer.*trust", ""),
    # --- a function of any module by name (CVE-2025-1550)
    "os.system": Trick(lambda2("system", "os", lambda t: f"touch {t}"), MISSING.format("function", "system")),
    "subprocess.getoutput": Trick(
        lambda2("getoutput", "subprocess", lambda t: f"touch {t}"), MISSING.format("function", "getoutput")
    ),
    "builtins.exec": Trick(
        lambda2("exec", "builtins", lambda t: f"open({str(t)!r}, 'w').close()"), MISSING.format("function", "exec")
    ),
    "shutil.rmtree": Trick(lambda2("rmtree", "shutil", str), MISSING.format("function", "rmtree"), "deleted"),
    "pathlib.Path.touch": Trick(lambda2("Path.mkdir", "pathlib", str), MISSING.format("function", r"Path\.mkdir"), ""),
    "os.system as an activation": Trick(
        keras2(lambda config: dense(config).update(activation=function("os", "system"))), MISSING.format("function", "system"), ""
    ),
    "os.system, .keras": by_name("os", "system", inputs="true"),
    "os.system as a loss inside": Trick(keras3(compiled_inside), MISSING.format("function", "system"), ""),
    "another name in registered_name": Trick(
        keras2(lambda config: config["config"]["layers"][-1].update(module="shutil", class_name="Dense", registered_name="rmtree")),
        MISSING.format("class", "rmtree"),
        "",
    ),
    "a function of Keras' own under registered_name": Trick(
        keras3(lambda config: dense(config).update(activation=function("keras.activations", "relu", "get_file"))),
        MISSING.format("function", "relu"),
        "",
    ),
    "a module that acts when it is imported": Trick(imports_module, MISSING.format("function", "Planted")),
    "a type of any module": Trick(
        keras2(
            lambda config: dense(config).update(
                planted={
                    "class_name": "__typespec__",
                    "spec_name": "Popen",
                    "module": "subprocess",
                    "registered_name": None,
                    "config": [],
                }
            )
        ),
        MISSING.format("class", "Popen"),
        "",
    ),
    "a name as an initializer": Trick(
        h5(lambda config: dense(config).update(kernel_initializer="os.system")), MISSING.format("function", r"os\.system"), ""
    ),
    "a name as a regularizer": Trick(
        h5(lambda config: dense(config).update(kernel_regularizer="keras_export")), MISSING.format("function", "keras_export"), ""
    ),
    # --- a function of Keras' own by name (CVE-2025-8747, CVE-2025-9906, CVE-2025-12060)
    "get_file, .keras": by_name("keras.utils", "get_file", inputs="f"),
    "enable_unsafe_deserialization": by_name("keras.config", "enable_unsafe_deserialization"),
    "load_model, .keras": by_name("keras.models", "load_model", inputs="m"),
    "set_floatx": by_name("keras.config", "set_floatx", effect="changed"),
    "load_data": by_name("keras.datasets.mnist", "load_data", inputs="f"),
    "weights of an application": by_name("keras.applications", "MobileNetV2", inputs=[4]),
    "a function in place of a class": Trick(
        keras3(partial(layer3, kind="plot_model", options={}, module="keras.utils")), MISSING.format("class", "plot_model"), ""
    ),
    # --- layers that read or run something else (CVE-2025-12058, CVE-2025-49655)
    "TFSMLayer": Trick(other_model, r"holds a TFSMLayer \(.*\), which loads another SavedModel from a path.*trust_code: true"),
    "TorchModuleWrapper": Trick(
        keras3(partial(elsewhere, kind="TorchModuleWrapper")), r"holds a TorchModuleWrapper \(y\), which loads a pickled module", ""
    ),
    "JaxLayer": Trick(keras3(partial(elsewhere, kind="JaxLayer")), r"holds a JaxLayer \(y\), which runs Python code", ""),
    "FlaxLayer": Trick(keras3(partial(elsewhere, kind="FlaxLayer")), r"holds a FlaxLayer \(y\), which runs Python code", ""),
    "DenseFeatures": Trick(h5(partial(elsewhere, kind="DenseFeatures")), r"holds a DenseFeatures \(y\), which may read", ""),
    "class of keras_hub": Trick(
        keras3(lambda config: config["config"]["layers"][-1].update(module="keras_hub.layers", class_name="Dense")),
        MISSING.format("class", "Dense"),
        "",
    ),
    "vocabulary from a path, .h5 of Keras 2": Trick(lookup("tf_keras", "m.h5"), READS, "read"),
    "vocabulary from a path, .keras of Keras 2": Trick(lookup("tf_keras", "m.keras"), READS, "read"),
    "vocabulary from a path, .keras": Trick(lookup("keras", "m.keras"), READS, "read"),
    "vocabulary from a path, .h5 of Keras 3": Trick(lookup("keras", "m.h5"), READS, "read"),
    "vocabulary from a path, text": Trick(lookup("tf_keras", "m.h5", "TextVectorization"), READS, "read"),
    # --- containers
    # Keras 2 reads HDF5 through a file object, which HDF5 asks for what is behind links and virtual arrays, too: so the wrong one.
    "weights behind a link": Trick(linked("tf_keras", "m.h5", "link"), LINK, ""),
    "weights outside": Trick(linked("tf_keras", "m.h5", "external"), KEPT, "read"),
    "weights in a virtual array": Trick(linked("tf_keras", "m.h5", "virtual"), KEPT, ""),
    "weights behind a link, Keras 3": Trick(linked("keras", "m.h5", "link"), LINK, ""),
    "weights outside, Keras 3": Trick(linked("keras", "m.h5", "external"), KEPT, ""),
    "weights behind a link, .keras": Trick(linked_inside("keras", "link"), LINK, ""),
    "weights outside, .keras of Keras 2": Trick(linked_inside("tf_keras", "external"), KEPT, "read"),
    "weights in a virtual array, .keras of Keras 2": Trick(linked_inside("tf_keras", "virtual"), KEPT, ""),
    "member with ..": Trick(
        lambda f, t: tricks.with_member(made(f, "m.keras", "keras"), "assets/../../target"),
        OUT,
        "",
    ),
    "member with a path": Trick(lambda f, t: tricks.with_member(made(f, "m.keras", "tf_keras"), str(t)), OUT, ""),
    "HDF5 that is a zip archive": Trick(polyglot("keras", "m.keras"), r"is HDF5 and a zip archive at once", "changed"),
    "HDF5 that is a zip archive, .h5": Trick(polyglot("tf_keras", "m.h5"), r"is HDF5 and a zip archive at once", ""),
    "a zip archive by another name": Trick(
        lambda f, t: made(f, "m.keras", "keras").rename(f / "m.h5"), r"is a \.keras file under another name", ""
    ),
    # --- SavedModels: while they are run
    "graph: write_file": Trick(saves(lambda t: tf.io.write_file(str(t), "x")), OPERATOR.format("WriteFile")),
    "graph: in a branch": Trick(saves(branch), OPERATOR.format("WriteFile")),
    "graph: in a loop": Trick(saves(loop), OPERATOR.format("WriteFile")),
    "graph: in a function that it calls": Trick(
        saves(lambda t: tf.function(lambda: (tf.io.write_file(str(t), "x"), tf.constant(1))[1])()), OPERATOR.format("WriteFile")
    ),
    "graph: print to a file": Trick(saves(lambda t: tf.print("x", output_stream=f"file://{t}")), OPERATOR.format("PrintV2")),
    "graph: read_file": Trick(reads(lambda t, x: tf.strings.length(tf.io.read_file(str(t)))), OPERATOR.format("ReadFile"), "read"),
    "graph: matching_files": Trick(reads(lambda t, x: tf.size(tf.io.matching_files(str(t)))), OPERATOR.format("MatchingFiles"), ""),
    "graph: lines of a dataset": Trick(
        reads(lambda t, x: tf.strings.length(tf.data.TextLineDataset([str(t)]).take(1).get_single_element())),
        OPERATOR.format(r"\w*Dataset\w*"),
        "read",
    ),
    "graph: a file as a constant": Trick(
        reads(lambda t, x: tf.raw_ops.ImmutableConst(dtype=tf.uint8, shape=[4], memory_region_name=str(t))),
        OPERATOR.format("ImmutableConst"),
        "read",
    ),
    "graph: py_function": Trick(
        saves(lambda t: tf.py_function(lambda: t.write_text("x"), [], tf.int64)), OPERATOR.format("EagerPyFunc")
    ),
    "graph: numpy_function": Trick(
        saves(lambda t: tf.numpy_function(lambda: t.write_text("x"), [], tf.int64)), OPERATOR.format("(Eager)?PyFunc")
    ),
    "graph: a checkpoint is written": Trick(saves(checkpoint), r"holds the operator SaveV2 \(node .*where saving and restoring"),
    "graph: a checkpoint is read": Trick(restores, r"holds the operator RestoreV2 \(node .*where saving and restoring", ""),
    "graph: debug operator": Trick(
        reads(lambda t, x: tf.raw_ops.DebugIdentity(input=x, debug_urls=[f"file://{t}"])), OPERATOR.format("DebugIdentity"), ""
    ),
    "graph: summaries": Trick(
        saves(
            lambda t: tf.raw_ops.CreateSummaryFileWriter(
                writer=tf.raw_ops.SummaryWriter(), logdir=str(t), max_queue=1, flush_millis=1, filename_suffix=""
            )
        ),
        OPERATOR.format(r"(Create)?Summary\w*Writer"),
    ),
    "graph: a graph in a constant": Trick(hidden, OPERATOR.format("DatasetFromGraph")),
    "graph: end of the process": Trick(
        saves(lambda t: tf.raw_ops.Abort(error_msg="x", exit_without_error=False)), OPERATOR.format("Abort"), ""
    ),
    "graph: as text": Trick(as_text, OPERATOR.format("WriteFile")),
    # --- SavedModels: while they are loaded
    "graph: an initializer": Trick(beginning, OPERATOR.format("WriteFile")),
    "graph: the main operation": Trick(main_operation, OPERATOR.format("WriteFile")),
    "graph: while restoring": Trick(while_restoring, r"holds the operator SaveV2 \(node planted\)", ""),
    "graph: another checkpoint": Trick(other_checkpoint, r"holds the operator RestoreV2 \(node save/RestoreV2\)", "read"),
    "graph: vocabulary that is no asset": Trick(vocabulary(assets=False), NO_ASSET, "read"),
    # Freezing it fails.
    "graph: vocabulary read by the signature": Trick(vocabulary(assets=True), NO_ASSET, ""),
    "graph: vocabulary by a constant path": Trick(constant_path, NO_ASSET, "read"),
    "graph: asset with ..": Trick(
        asset(lambda path, target: f"../../../{target.name}"), r"holds the asset '\.\./.*', a file outside of its folder", "read"
    ),
    "graph: asset with a path": Trick(
        asset(lambda path, target: str(target)), r"holds the asset '/.*', a file outside of its folder", "read"
    ),
    # --- SavedModels that Keras 2 rebuilds
    "layers: graph": Trick(layers_of_2(lambda t: Acting(str(t))), OPERATOR.format("WriteFile")),
    "layers: write_file": Trick(metadata_of_2, CALLS.format(r"io\.write_file")),
    "layers: lambda": Trick(
        layers_of_2(lambda t: tf_keras.layers.Lambda(acting(t))),
        r"holds a Lambda layer.*trust_code: true",
    ),
}


@pytest.fixture(autouse=True)
def dtype() -> Iterator[None]:
    yield
    keras.config.set_floatx("float32")


@pytest.fixture(scope="module")
def tflite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("file") / "m.tflite"
    path.write_bytes(tf.lite.TFLiteConverter.from_keras_model(tricks.small(keras)).convert())
    return path


class Planted(NamedTuple):
    path: Path
    target: Path
    format: str


def plant(name: str, tmp_path: Path) -> Planted:
    trick, target = TRICKS[name], tmp_path / "target"
    given = tmp_path / "given"
    given.mkdir()
    if trick.effect == "deleted":
        target.mkdir()
        (target / "file").write_text("x")
    if trick.effect == "read":
        target.write_text("swordfish\n")
    path = trick.build(given, target)
    if trick.effect != "read" and trick.effect != "deleted":
        for file in [*tmp_path.glob("target*")] if trick.effect == "written" else []:
            shutil.rmtree(file) if file.is_dir() else file.unlink()
    return Planted(path, target, "keras2_saved_model" if name.startswith("layers: ") else "auto")


def done(trick: Trick, tmp_path: Path) -> bool:
    if trick.effect == "deleted":
        return not (tmp_path / "target" / "file").exists()
    if trick.effect == "changed":
        return bool(keras.config.floatx() != "float32")
    return trick.effect == "written" and any(tmp_path.glob("target*"))


@pytest.mark.parametrize("name", TRICKS)
def test_is_refused_and_nothing_is_done(name: str, tmp_path: Path, tflite: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trick = TRICKS[name]
    planted = plant(name, tmp_path)
    monkeypatch.syspath_prepend(str(planted.path.parent))
    project = tmp_path / "project"
    model = {"path": str(planted.path), "format": planted.format}
    configure(project, model=model, data={"path": "none", "reader": {"name": "npz", "options": {"inputs": {}}}})
    with pytest.raises(UserError, match=trick.message) as said:
        stage(project, "load")
    assert len(str(said.value).splitlines()) == 1
    assert [entry.name for entry in project.rglob("*") if entry.is_file()] == ["params.yaml"]
    if planted.format == "auto":
        with pytest.raises(UserError, match=trick.message):
            audit.audit(planted.path, tflite)
    assert not done(trick, tmp_path)


@pytest.mark.parametrize("name", [name for name, trick in TRICKS.items() if trick.effect])
def test_is_a_trick(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With its author trusted, the file does what it is refused for."""
    trick = TRICKS[name]
    planted = plant(name, tmp_path)
    monkeypatch.syspath_prepend(str(planted.path.parent))
    if trick.effect == "read":
        before = _outcome(planted)
        for file in tmp_path.glob("target*"):
            shutil.rmtree(file) if file.is_dir() else file.unlink()
        assert _outcome(planted) != before
    else:
        _outcome(planted)
        assert done(trick, tmp_path)


def _outcome(planted: Planted) -> Any:
    """What becomes of a trusted file that is loaded and run: its weights, or what it raises."""
    try:
        _, network = loaders.load(planted.path, format=planted.format, custom={}, trust_code=True)
        weights = {name: array.tolist() for name, array in network.weights.items()}
        tricks.ran(network)
    except (UserError, ValueError, TypeError, AttributeError, RuntimeError, OSError, tf.errors.OpError) as error:
        return str(error)
    return weights
