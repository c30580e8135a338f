"""What an upgrade of Keras or TensorFlow brings is neither let in nor forgotten: it fails here until somebody has looked at it."""

import hashlib
import inspect
import pkgutil
import re
from functools import reduce
from importlib import import_module
from typing import Any

import pytest

from pipeline.source import allowed_calls, config_trust, graph_trust
from pipeline.source.tensorflow_setup import tf
from tests.helpers import ROOT, call

import keras  # isort: skip
import tf_keras  # isort: skip
from keras.src import ops as operations  # isort: skip
from keras.src.ops.operation import Operation  # isort: skip
from tensorflow.core.framework import op_def_pb2  # isort: skip
from tensorflow.python.client import pywrap_tf_session  # isort: skip

# Layers that no file holds, and what Keras' modules hold beside layers.
NO_LAYERS = {"InputSpec", "PreprocessingLayer"}


def classes(module: Any) -> set[str]:
    return {name for name, value in vars(module).items() if inspect.isclass(value) and not name.startswith("_")}


@pytest.mark.parametrize("library", [keras, tf_keras, tf_keras.layers.experimental])
def test_every_layer_is_allowed_or_refused_by_name(library: Any) -> None:
    known = allowed_calls.LAYERS | set(config_trust.REFUSED) | {"Lambda"} | NO_LAYERS
    assert classes(getattr(library, "layers", library)) - known == set()


@pytest.mark.parametrize("library", [keras, tf_keras])
@pytest.mark.parametrize("module", ["initializers", "regularizers", "constraints", "losses", "metrics", "optimizers"])
def test_every_part_is_allowed(library: Any, module: str) -> None:
    assert classes(getattr(library, module)) - allowed_calls.PARTS - {"Reduction", "OptimizerMap"} == set()


def test_every_operation_of_keras_is_allowed() -> None:
    modules = [
        import_module(f"keras.src.ops.{entry.name}")
        for entry in pkgutil.iter_modules(operations.__path__)
        if not entry.name.endswith("_test")
    ]
    found = {
        name
        for module in modules
        for name, value in vars(module).items()
        if inspect.isclass(value) and issubclass(value, Operation) and value.__module__ == module.__name__
    }
    # A model of its own, and the class of them all.
    assert found - allowed_calls.OPERATIONS - allowed_calls.LAYERS - allowed_calls.PARTS == {"Function", "Operation"}
    functions = {name for name, value in vars(keras.ops).items() if inspect.isfunction(value) and not name.startswith("_")}
    assert functions == allowed_calls.KERAS_OPS


@pytest.mark.parametrize("library", [keras, tf_keras])
def test_every_activation_is_allowed(library: Any) -> None:
    found = {name for name, value in vars(library.activations).items() if inspect.isfunction(value)}
    assert found - {"deserialize", "get", "serialize"} - allowed_calls.FUNCTIONS == set()


def test_every_function_of_tensorflow_is_there() -> None:
    def there(name: str) -> bool:
        roots = [tf_keras] if name.startswith("keras.") else [tf, tf.compat.v1]
        parts = name.removeprefix("keras.").split(".")
        return any(callable(reduce(lambda module, part: getattr(module, part, None), parts, root)) for root in roots)

    assert [name for name in sorted(allowed_calls.TENSOR_FUNCTIONS) if not there(name)] == []


def operators() -> list[Any]:
    every = op_def_pb2.OpList()
    every.ParseFromString(pywrap_tf_session.TF_GetBuffer(pywrap_tf_session.TF_GetAllOpList()))
    return list(every.op)


def stateless() -> list[str]:
    return sorted(operator.name for operator in operators() if not operator.is_stateful and not graph_trust.reason(operator.name))


def test_no_allowed_operator_takes_the_name_of_a_file_or_machine() -> None:
    """By what TensorFlow itself says of its inputs and attributes, not by the operators' names."""
    telling = re.compile(
        r"file|path$|^path|dir$|url|address|socket|target$|graph_def|program|executable|module|prefix", re.IGNORECASE
    )
    found = {
        operator.name: names
        for operator in operators()
        if not graph_trust.reason(operator.name)
        and (names := [entry.name for entry in (*operator.input_arg, *operator.attr) if telling.search(entry.name)])
    }
    assert found == {"ApproxTopK": ["recall_target"]}


def test_the_stateless_operators_are_those_that_were_looked_at() -> None:
    """Others than in TensorFlow 2.21: look at what is new, name it in `graph_trust` if it does more, and change the digest."""
    # In a process of its own, as one that has loaded other libraries knows their operators, too.
    names = call("python", "-c", f"from {__name__} import stateless; print(*stateless())", cwd=ROOT).stdout.splitlines()[-1]
    assert (len(names.split()), hashlib.sha256(names.encode()).hexdigest()[:16]) == (1072, "d0ddb87f179d452c")


def test_the_stateful_operators_that_are_allowed_are_stateful() -> None:
    stateful = {operator.name for operator in operators() if operator.is_stateful}
    assert allowed_calls.STATEFUL_OPERATORS - stateful == set()
    assert [name for name in allowed_calls.STATEFUL_OPERATORS if graph_trust.reason(name)] == []
