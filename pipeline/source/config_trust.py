"""What the configuration inside a Keras file would call when Keras builds the network, judged before Keras sees the file.

Keras finds classes and functions by the names that the file gives, wherever they stand: as a layer, inside a wrapper or a nested
model, as an activation, an initializer or an argument, in `build_config` or `compile_config`. So every dictionary with a
`class_name` counts.
"""

import json
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any, NamedTuple

from pipeline.source import allowed_calls, graph_trust

# Data that Keras writes as if it were an object.
_DATA = frozenset(
    [
        *("__bytes__", "__ellipsis__", "__keras_tensor__", "__numpy__", "__slice__", "__tensor__", "__tuple__"),
        *("CompositeTensor", "TensorShape", "TypeSpec"),
    ]
)
_SPECS = ("RaggedTensorSpec", "SparseTensorSpec", "TensorSpec")
_KNOWN = allowed_calls.LAYERS | allowed_calls.APPLICATIONS | allowed_calls.PARTS | allowed_calls.OPERATIONS
# Layers of Keras 2 that call what they name: (which key says what, what it may say, how to say it).
_CALLING = {
    "TFOpLambda": ("function", allowed_calls.TENSOR_FUNCTIONS, "tf.{}"),
    "SlicingOpLambda": ("function", allowed_calls.TENSOR_FUNCTIONS, "tf.{}"),
    "InstanceMethod": ("attr_name", allowed_calls.TENSOR_METHODS, "the method {} of what it is given"),
    "InstanceProperty": ("attr_name", allowed_calls.TENSOR_METHODS, "the property {} of what it is given"),
}
_ELSEWHERE = {
    "TFSMLayer": "loads another SavedModel from a path",
    "TorchModuleWrapper": "loads a pickled module of PyTorch",
    "JaxLayer": "runs Python code that the file holds",
    "FlaxLayer": "runs Python code that the file holds",
    "DenseFeatures": "may read a vocabulary from a path",
    "SequenceFeatures": "may read a vocabulary from a path",
    "DynamicLookup": "keeps a table outside of the network",
    "DynamicEmbedding": "keeps a table outside of the network",
    "TFClassMethodDispatcher": "calls what the file names",
}
# Classes that are refused for what they are or say, not for being unknown.
REFUSED = (*_CALLING, *_ELSEWHERE, "ClassMethod", "TensorFlowOpLayer")
_LOOKUPS = ("IndexLookup", "IntegerLookup", "StringLookup", "TextVectorization")
# Arguments of layers that may be no more than a name.
_NAMED = re.compile(r"(^|_)(activation|initializer|regularizer|constraint)$")
_NAMES = allowed_calls.FUNCTIONS | _KNOWN


class Place(NamedTuple):
    """Something that the file would call and may not.

    Attributes:
        what: in words, with where it is and what it would do.
        missing: class or function that is neither Keras' nor known as the user's own, by the name it is looked up by; "" when
            it is no such thing.
        kind: "class" or "function" of what is missing.
    """

    what: str
    missing: str = ""
    kind: str = "class"


def places(config: Any, *, own: Collection[str], loose: bool = False) -> list[Place]:
    """What a configuration would call and may not, in the order in which it stands there.

    Args:
        config: of `detect.model_config`.
        own: names under which the user's own classes and functions are registered.
        loose: a class that nobody knows is rebuilt of the file's graph instead of imported, and so no matter (SavedModels).
    """
    return [place for place in _places(config, own, "the model", "", False) if not (loose and place.missing)]


def _places(config: Any, own: Collection[str], layer: str, argument: str, of_the_user: bool) -> Iterator[Place]:
    """`of_the_user`: the innermost class around it is one of `own`, which reads names as it likes."""
    if isinstance(config, list):
        for value in config:
            yield from _places(value, own, layer, argument, of_the_user)
    if not isinstance(config, Mapping):
        return
    inside = config.get("config")
    if "class_name" in config:
        if isinstance(inside, Mapping) and isinstance(inside.get("name"), str) and argument in ("", "layers", "layer", "cell"):
            layer = inside["name"]
        where = f"{argument} of {layer}" if argument and argument not in ("layers", "layer") else layer
        of_the_user = _is_own(config, own)
        if not of_the_user:
            yield from _of_object(config, own, where)
    for key, value in config.items():
        if isinstance(value, str) and not of_the_user and _NAMED.search(key) and value not in _NAMES and value not in own:
            yield Place(f"{value} ({key} of {layer})", missing=value, kind="function")
        yield from _places(value, own, layer, argument if key == "config" else key, of_the_user)


def _is_own(config: Mapping[str, Any], own: Collection[str]) -> bool:
    """As Keras looks it up: a function by its name, a class by its registered name, or by its own when there is none."""
    name = config.get("config") if config["class_name"] == "function" else config.get("registered_name", config["class_name"])
    return isinstance(name, str) and name in own


def _of_object(config: Mapping[str, Any], own: Collection[str], where: str) -> Iterator[Place]:
    """What is wrong with a serialized object itself, not with what is inside it."""
    name, inside = config["class_name"], config.get("config")
    module, registered = config.get("module"), config.get("registered_name")
    options = inside if isinstance(inside, Mapping) else {}
    if not isinstance(name, str) or not isinstance(module, str | None) or not isinstance(registered, str | None):
        yield Place(f"a class without a name ({where})")
    elif name == "__lambda__":
        yield Place(f"a lambda ({where})")
    elif name == "__typespec__":
        spec = str(config.get("spec_name"))
        if spec not in _SPECS or not str(module).startswith("tensorflow.python.") or registered not in (None, *_SPECS):
            yield Place(f"the type {module}.{spec} ({where})", missing=spec)
    elif name in _DATA:
        return
    elif name == "function":
        yield from _of_function(inside, module, registered, where)
    elif name in _CALLING:
        key, allowed, words = _CALLING[name]
        called = options.get(key)
        plain = called.removeprefix("compat.v1.").removeprefix("compat.v2.") if isinstance(called, str) else None
        if plain not in allowed:
            yield Place(f"a {name} layer ({where}) that calls {words.format(called)}, which is no function of tensors alone")
    elif name == "ClassMethod":
        called = f"{options.get('cls_symbol')}.{options.get('method_name')}"
        if called not in allowed_calls.CLASS_METHODS:
            yield Place(f"a ClassMethod layer ({where}) that calls tf.{called}, which is no function of tensors alone")
    elif name == "TensorFlowOpLayer":
        node = options.get("node_def")
        operator = node.get("op") if isinstance(node, Mapping) else None
        if not isinstance(operator, str) or graph_trust.reason(operator):
            yield Place(f"a TensorFlowOpLayer ({where}) that runs the operator {operator}, {graph_trust.reason(str(operator))}")
        elif "func" in json.dumps(node):
            yield Place(f"a TensorFlowOpLayer ({where}) whose operator {operator} calls a function")
    elif name == "Lambda":
        yield from _of_lambda(options, own, where)
    elif name in _ELSEWHERE:
        yield Place(f"a {name} ({where}), which {_ELSEWHERE[name]}")
    elif name not in _KNOWN or not _of_keras(module) or registered not in (None, name):
        yield Place(f"{'.'.join(filter(None, (module, name)))} ({where})", missing=registered or name)
    elif name in _LOOKUPS and isinstance(options.get("vocabulary"), str):
        yield Place(f"a {name} layer ({where}) that reads the file {options['vocabulary']}")


def _of_function(name: Any, module: str | None, registered: str | None, where: str) -> Iterator[Place]:
    """A function by its name and module: Keras 2 would import any module, Keras 3 takes any function of its own."""
    plain = str(module).removeprefix("tf_")
    allowed: Collection[str] = ()
    if module == "builtins" or re.fullmatch(r"keras(\.src)?\.(activations|losses|metrics|regularizers)(\.\w+)*", plain):
        allowed = allowed_calls.FUNCTIONS
    elif re.fullmatch(r"keras(\.src)?\.ops(\.\w+)*", plain):
        allowed = allowed_calls.KERAS_OPS
    if not isinstance(name, str) or name not in allowed or registered not in (None, name, "function"):
        yield Place(f"the function {module}.{name} ({where})", missing=str(name), kind="function")


def _of_lambda(options: Mapping[str, Any], own: Collection[str], where: str) -> Iterator[Place]:
    """A Lambda layer holds the name of a function; anything else is bytecode, whatever the file calls it."""
    for key in ("function", "mask", "output_shape"):
        value = options.get(key)
        text = value[0] if isinstance(value, list) and value else value
        if isinstance(text, Mapping) and text.get("class_name") == "__tuple__":
            items = text.get("items")
            text = items[0] if isinstance(items, list) and items else None
        if isinstance(value, list | Mapping) and isinstance(text, str):
            yield Place(f"a Lambda layer ({where}) with Python code")
        elif isinstance(value, str) and value not in _NAMES and value not in own:
            yield Place(f"the function {value} ({key} of {where})", missing=value, kind="function")


def _of_keras(module: str | None) -> bool:
    """Modules where the names of the list are what they seem; initializers of TensorFlow itself are saved as such."""
    return module is None or bool(re.fullmatch(r"(tf_)?keras(\.\w+)*|tensorflow\.python\.ops\.init_ops(_v2)?", module))
