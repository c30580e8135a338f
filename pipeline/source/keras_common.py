"""What loading a file of Keras 3 and of Keras 2 has in common: what may be run, what an error means, layers, names of outputs."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipeline.errors import UserError
from pipeline.source import config_trust, container_trust, detect, graph_trust
from pipeline.system import boundary

_MISSING = re.compile(r"(?:Could not locate|Unknown|Cannot deserialize object of) ([\w ]+?):? ['`]([^'`]+)['`]")

# What Keras and TensorFlow say of a file that does not fit, whatever the type of the error.
_OF_THE_FILE = re.compile(r"deserializ|config|Read less bytes|parse|\bfile\b")

# Of initializers, regularizers and constraints of built-in layers, with Keras 3.15.
_NO_LAMBDA = "Keras' own layers do not read a lambda back: give the layer a function with a name and save the network again"


def refuse_code(path: Path, *, format: str, trust_code: bool, own: Collection[str] = ()) -> None:
    """Stop before loading would run Python bytecode out of the file, call what it names, or read other files.

    Args:
        path: the file or folder.
        format: a key of `detect.CONTAINERS`, of Keras.
        trust_code: the author is trusted, so nothing is judged.
        own: names under which the user's own classes and functions are registered.

    Raises:
        UserError: when the file does any of that and is not trusted, or needs a class or function that nobody knows.
    """
    if trust_code:
        return
    container_trust.refuse(path, format=format)
    config = detect.model_config(path, format=format)
    trusted = graph_trust.TRUST
    if places := detect.code_places(config):
        more = _more(places)
        remedy = (
            f"{trusted}, or replace the layer by one registered in pipeline/custom/layers.py"
            if places[0].startswith("a Lambda layer")
            else f"{_NO_LAMBDA}; where the layer is one of your own, {trusted}"
        )
        raise UserError(f"model.path: {path} holds {places[0]}{more}, whose Python code would run on loading; {remedy}")
    found = config_trust.places(config, own=own, loose=format == "keras2_saved_model")
    # What would run is said before what is merely missing.
    for place in sorted(found, key=lambda place: bool(place.missing)):
        if place.missing:
            raise UserError(
                f"model.path: {path} needs the {place.kind} {place.missing!r}, which Keras does not know: {place.what}; where it "
                f"is yours, add it to LAYERS in pipeline/custom/layers.py{_more(found)}"
            )
        raise UserError(
            f"model.path: {path} holds {place.what}{_more(found)}; it would run while the network is loaded or run; {trusted}, or "
            "replace it by a layer of Keras or of pipeline/custom/layers.py"
        )
    if format == "keras2_saved_model":
        graph_trust.refuse(path)


def _more(places: Sequence[Any]) -> str:
    return f" and {len(places) - 1} more" if len(places) > 1 else ""


@contextmanager
def reading(path: Path, *, format: str, custom: Mapping[str, Any]) -> Iterator[None]:
    """Turn what Keras raises for an unreadable file into a message for the user.

    Raises:
        UserError: naming a class that is not registered, or the reason that Keras gives.
    """
    try:
        yield
    except (OSError, EOFError) as error:
        raise UserError(
            f"model.path: {path} is not readable: {str(error).splitlines()[0]}; it may be truncated, copy it again"
        ) from None
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, ImportError, NotImplementedError, RuntimeError) as error:
        text = str(error)
        if found := _MISSING.search(text):
            kind = found[1].replace("type", "class")
            raise UserError(
                f"model.path: {path} needs the {kind} {found[2]!r}, which Keras does not know; add it to LAYERS in "
                "pipeline/custom/layers.py"
            ) from None
        if not isinstance(error, ValueError) and not _OF_THE_FILE.search(text):
            raise  # a fault inside the user's class or ours keeps its traceback
        if lambdas := [place for place in detect.code_places(detect.model_config(path, format=format)) if "a lambda" in place]:
            raise UserError(
                f"model.path: {path} is not readable as a Keras model: it holds {lambdas[0]}, and {_NO_LAMBDA}"
            ) from None
        foreign = sorted(detect.foreign_names(detect.model_config(path, format=format)) - set(custom))
        hint = f"; it uses {', '.join(foreign)}: add what is yours to LAYERS in pipeline/custom/layers.py" if foreign else ""
        raise UserError(f"model.path: {path} is not readable as a Keras model: {_reason(text)}{hint}") from None


def _reason(text: str) -> str:
    """The line that tells: what Keras encountered inside, or the first."""
    inner = re.findall(r"(?:Exception|Error) encountered: (.+)", text)
    return str(inner[-1])[:200] if inner else boundary.line(text)


def layers(model: Any, nested: type, prefix: str = "") -> list[dict[str, Any]]:
    """Every layer in order, the layers of nested models behind them: path, class, number of parameters.

    Args:
        model: of Keras 3 or Keras 2.
        nested: the class of models, whose layers are listed too.
        prefix: of the paths.
    """
    rows = []
    for layer in model.layers:
        path = f"{prefix}{layer.name}"
        rows.append({"path": path, "class": type(layer).__name__, "parameters": int(layer.count_params())})
        if isinstance(layer, nested):
            rows += layers(layer, nested, f"{path}/")
    return rows


def named(structure: Any, names: Sequence[str] | None, *, single: str) -> dict[str, Any]:
    """A call's result as a dictionary.

    Args:
        structure: a tensor, or a nested list, tuple or dictionary of them.
        names: of the tensors of a list or of a single tensor, in order, when the network has any.
        single: name of a single tensor without one; those of a list become `single_0`, `single_1`, ….

    Returns:
        The keys of a dictionary stay; keys of nested ones are joined with "_"; a name that comes twice gets a number.
    """
    flat = list(_paths(structure))
    if isinstance(structure, Mapping) or names is None or len(names) != len(flat):
        keys = ["_".join(path) if path else single for path, _ in flat]
        keys = [f"{single}_{key}" if key.isdigit() else key for key in keys]
    else:
        keys = list(names)
    unique: dict[str, Any] = {}
    for key, (_, value) in zip(keys, flat, strict=True):
        again = 1
        chosen = key
        while chosen in unique:
            chosen, again = f"{key}_{again}", again + 1
        unique[chosen] = value
    return unique


def _paths(structure: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    if isinstance(structure, Mapping):
        for key, value in structure.items():
            yield from _paths(value, (*path, str(key)))
    elif isinstance(structure, (list, tuple)):
        for index, value in enumerate(structure):
            yield from _paths(value, (*path, str(index)))
    else:
        yield path, structure
