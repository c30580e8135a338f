"""Operators by name, and the graphs that TensorFlow's own savers write; tricks are in tests/test_trust.py."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.source import graph_trust
from pipeline.source.tensorflow_setup import tf
from tests import tricks

import keras  # isort: skip
import tf_keras  # isort: skip


@pytest.mark.parametrize(
    ("operator", "words"),
    [
        ("WriteFile", "reads or writes files"),
        ("ReadFile", "reads or writes files"),
        ("FixedUnigramCandidateSampler", "reads or writes files"),
        ("WholeFileReaderV2", "reads or writes files"),
        ("DecodeProtoV2", "reads or writes files"),
        ("DatasetFromGraph", "hidden in a constant"),
        ("IteratorGetNext", "reads data of its own"),
        ("PyFuncStateless", "calls Python"),
        ("XlaCustomCallV2", "cannot be judged"),
        ("RpcServer", "talks to other"),
        ("CollectiveReduceV2", "talks to other"),
        ("Abort", "ends the process"),
        ("SleepOp", "does more than compute"),
        ("MyOwnOperator", "TensorFlow does not know"),
    ],
)
def test_refused_by_name(operator: str, words: str) -> None:
    assert words in graph_trust.reason(operator)


@pytest.mark.parametrize(
    "operator",
    ["Conv2D", "VarHandleOp", "TensorListReserve", "StatelessRandomUniformV2", "RandomUniform", "LookupTableFindV2", "While"],
)
def test_allowed_by_name(operator: str) -> None:
    assert graph_trust.reason(operator) == ""


def recurrent(library: Any) -> Any:
    x = library.Input((5, 3), name="x")
    y = library.layers.Dropout(0.5)(library.layers.LSTM(4, unroll=False)(x))
    return library.Model(x, library.layers.BatchNormalization()(y))


def exported(folder: Path) -> Path:
    recurrent(keras).export(folder / "m", verbose=False)
    return folder / "m"


def of_keras2(folder: Path) -> Path:
    model = recurrent(tf_keras)
    model.compile("adam", "mse")
    model.fit(tf.zeros((4, 5, 3)), tf.zeros((4, 4)), verbose=0)
    model.save(folder / "m", save_format="tf")
    return folder / "m"


def with_table(folder: Path) -> Path:
    (folder / "words").write_text("swordfish\n")
    table = tricks.table(folder / "words")
    return tricks.module(folder, lambda x: tricks.looked_up(table, x), table=table)


def with_strings(folder: Path) -> Path:
    words = keras.layers.StringLookup(vocabulary=["a", "swordfish"])
    return tricks.module(folder, lambda x: x + tf.cast(words(tf.constant(["swordfish"])), tf.float32), words=words)


def saved_again(folder: Path) -> Path:
    loaded = tf.saved_model.load(str(with_table(folder)))
    tf.saved_model.save(loaded, str(folder / "again"), signatures=loaded.signatures)
    return folder / "again"


def random_and_flow(folder: Path) -> Path:
    def compute(x: Any) -> Any:
        x = tf.cond(tf.reduce_sum(x) > 0, lambda: x + tf.random.uniform([]), lambda: x * 2)
        tf.print("sum", tf.reduce_sum(x))
        tf.debugging.assert_all_finite(x, "finite")
        return tf.while_loop(lambda i, _: i < 3, lambda i, y: (i + 1, tf.map_fn(tf.nn.relu, y)), [0, x])[1]

    return tricks.module(folder, compute)


def of_tensorflow1(folder: Path) -> Path:
    return tricks.graph1(folder, lambda x: (x, None))


def of_tensorflow1_with_assets(folder: Path) -> Path:
    (folder / "words").write_text("swordfish\n")

    def build(x: Any) -> tuple[Any, Any]:
        return tricks.looked_up(tricks.table(folder / "words"), x), tf.compat.v1.tables_initializer()

    return tricks.graph1(folder, build, assets=True)


SOUND = [
    *(exported, of_keras2, with_table, with_strings, saved_again, random_and_flow, of_tensorflow1, of_tensorflow1_with_assets),
]


@pytest.mark.parametrize("build", SOUND, ids=[build.__name__ for build in SOUND])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_what_tensorflow_and_keras_write_is_sound(build: Any, tmp_path: Path) -> None:
    path = build(tmp_path)
    (tmp_path / "words").unlink(missing_ok=True)  # its copy in the folder is enough
    graph_trust.refuse(path)
    loaded = tf.saved_model.load(str(path))
    run = loaded.signatures["serving_default"]
    inputs = {name: tf.zeros([size or 1 for size in spec.shape]) for name, spec in run.structured_input_signature[1].items()}
    assert all(np.isfinite(value).all() for value in run(**inputs).values())
