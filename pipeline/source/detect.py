"""Which format a trained network was saved in, told from what is inside, and its configuration. Detecting imports no TensorFlow."""

import json
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py

from pipeline.errors import UserError
from pipeline.source import stored_sizes

# What `model.format` may say beside "auto", which looks inside, and what such a network is kept in.
CONTAINERS = {
    "keras": "zip",
    "keras2": "zip",
    "keras3_h5": "hdf5",
    "keras2_h5": "hdf5",
    "saved_model": "folder",
    "keras2_saved_model": "folder",
}
_KINDS = "a .keras or .h5 file of a whole model, or a SavedModel folder"


def detect(path: Path) -> str:
    """The format of a saved network, a key of `CONTAINERS`.

    A folder with saved_model.pb is a `saved_model`, whoever wrote it (`keras2_saved_model` is chosen by hand: it lets tf_keras
    rebuild the layers). A zip archive with config.json is `keras`, or `keras2` when its metadata.json names Keras 2; an HDF5
    file is `keras2_h5` when its `keras_version` is below 3 or missing, as in files of before Keras 2.0, else `keras3_h5`.

    Raises:
        UserError: when there is nothing at the path, or it is no whole model, with what to do.
    """
    if not path.exists():
        raise UserError(f"model.path: no such file: {path}; set it in conf/model/")
    if path.is_dir():
        return _of_folder(path)
    with path.open("rb") as stream:
        start = stream.read(8)
    if start[4:8] == b"TFL3" or path.suffix == ".tflite":
        raise UserError(
            f"model.path: {path} is converted already; the pipeline starts from the trained network. To compare the two: "
            f"python -m pipeline.cli.audit --model MODEL --tflite {path}"
        )
    if start[:2] == b"PK":
        _require_sound(path)
        return "keras2" if _version(_from_zip(path, "metadata.json").get("keras_version")) < 3 else "keras"
    if start == b"\x89HDF\r\n\x1a\n":
        return "keras2_h5" if _version(_h5_attributes(path).get("keras_version")) < 3 else "keras3_h5"
    if path.suffix == ".keras":
        raise UserError(f"model.path: {path} is not readable as a .keras file: no zip archive; it may be truncated, copy it again")
    if path.suffix in (".h5", ".hdf5"):
        raise UserError(f"model.path: {path} is not readable as HDF5: it may be truncated, copy it again")
    if path.suffix == ".pb":
        raise UserError(f"model.path: {path} is one file of a SavedModel; give the folder that holds saved_model.pb")
    raise UserError(f"model.path: {path} is no saved network; expected {_KINDS}")


def model_config(path: Path, *, format: str) -> Any:
    """The configuration that a Keras file holds, as nested dictionaries; for a SavedModel of Keras 2 one for each object.

    Raises:
        UserError: when the file cannot be read.
    """
    if format == "keras2_saved_model":
        return list(_metadata(path))
    if format.endswith("_h5"):
        return json.loads(_h5_attributes(path)["model_config"])
    return _from_zip(path, "config.json")


def code_places(config: Any, *, layer: str = "the model", argument: str = "") -> list[str]:
    """Where a configuration holds Python bytecode, which loading would run, in words: Lambda layers around a lambda, and lambdas
    that are an argument of another layer.

    Args:
        config: of a model, or a part of one.
        layer: that the part belongs to.
        argument: of the layer, that the part is.
    """
    if isinstance(config, list):
        return [place for value in config for place in code_places(value, layer=layer, argument=argument)]
    if not isinstance(config, dict):
        return []
    # Keras saves a lambda that is an activation without saying what it is: its code, defaults and closure.
    unsaid = argument.endswith("activation") and list(config) == ["value"] and isinstance(config["value"], list)
    if unsaid or config.get("class_name") == "__lambda__":
        return [f"a lambda ({argument or 'a function'} of {layer})"]
    inside = config.get("config")
    if isinstance(inside, dict):
        layer = str(inside.get("name", layer))
        if config.get("class_name") == "Lambda":
            # Keras 2 writes function_type "lambda" around bytecode, and "function" around the name of a registered one.
            kinds = [inside.get(key) for key in ("function_type", "output_shape_type", "mask_type")]
            if "lambda" in kinds or code_places(inside, layer=layer):
                return [f"a Lambda layer ({layer})"]
    return [
        place
        for key, value in config.items()
        for place in code_places(value, layer=layer, argument=argument if key == "config" else key)
    ]


def foreign_names(config: Any) -> set[str]:
    """Classes and functions in the configuration of a file of Keras 3 that are not Keras' own, by registered name."""
    if isinstance(config, list):
        return {name for value in config for name in foreign_names(value)}
    if not isinstance(config, dict):
        return set()
    found = {name for value in config.values() for name in foreign_names(value)}
    module = str(config.get("module"))
    if "class_name" in config and "module" in config and not module.startswith(("keras", "tf_keras")):
        named = config["config"] if config["class_name"] == "function" else config.get("registered_name") or config["class_name"]
        return found | {str(named)}
    return found


def _of_folder(path: Path) -> str:
    if (path / "saved_model.pb").exists() or (path / "saved_model.pbtxt").exists():
        return "saved_model"
    inside = sorted(entry.name for entry in path.iterdir())
    near = [entry for entry in inside if (path / entry / "saved_model.pb").exists()]
    hint = f"; did you mean {path / near[0]}?" if near else ""
    raise UserError(
        f"model.path: {path} is a folder without saved_model.pb, so no SavedModel (holds: "
        f"{', '.join(inside[:5]) or 'nothing'}){hint}"
    )


def _version(text: Any) -> int:
    """Major version of Keras, 0 when the file names none."""
    return int(str(text).split(".")[0]) if text else 0


def _require_sound(path: Path) -> None:
    """Compare every member of a zip archive with its checksum, which Python 3.13 no longer does where Keras seeks in it."""
    try:
        with zipfile.ZipFile(path) as archive:
            stored_sizes.check_archive(path, archive)
            spoilt = archive.testzip()
    except (zipfile.BadZipFile, zlib.error, ValueError, EOFError) as error:
        raise UserError(
            f"model.path: {path} is not readable as a .keras file: {error}; it may be truncated, copy it again"
        ) from None
    if spoilt is not None:
        raise UserError(f"model.path: {path} is not readable as a .keras file: bad CRC-32 of {spoilt}; copy it again")


def _from_zip(path: Path, member: str) -> Any:
    try:
        with zipfile.ZipFile(path) as archive:
            return json.loads(archive.read(member))
    except KeyError:
        raise UserError(f"model.path: {path} holds no {member}, so no whole model; save it with model.save('NAME.keras')") from None
    except ValueError as error:
        raise UserError(f"model.path: {path} is not readable as a .keras file: {member}: {error}; copy it again") from None


def _h5_attributes(path: Path) -> dict[str, Any]:
    try:
        with h5py.File(path, "r") as file:
            attributes = {key: _text(value) for key, value in file.attrs.items()}
            # Files of save_weights hold layer_names at the top, those of save hold the architecture.
            weights_only = "model_config" not in attributes
            attributes.setdefault("keras_version", _text(file.get("model_weights", file).attrs.get("keras_version", "")))
    except OSError as error:
        raise UserError(
            f"model.path: {path} is not readable as HDF5: {str(error).splitlines()[0]}; it may be truncated, copy it again"
        ) from None
    if weights_only:
        raise UserError(
            f"model.path: {path} holds weights but no architecture (no model_config); build the network, load_weights into it, "
            "and save all of it with model.save('NAME.keras')"
        )
    return attributes


def _text(value: Any) -> Any:
    return value.decode() if isinstance(value, bytes) else value


def _metadata(path: Path) -> Iterator[Any]:
    """The JSON objects inside keras_metadata.pb, one for each layer, as Keras 2 itself reads them.

    Looking for braces instead would see other objects than Keras does where names hold braces and quotes.
    """
    file = path / "keras_metadata.pb"
    if not file.exists():
        raise UserError(
            f"model.path: {path} holds no keras_metadata.pb, so Keras 2 did not write it; set model.format: saved_model"
        )
    # Imports TensorFlow, which this format needs anyway.
    from tf_keras.protobuf import saved_metadata_pb2

    content = saved_metadata_pb2.SavedMetadata()
    content.ParseFromString(file.read_bytes())
    for node in content.nodes:
        if node.metadata:
            yield json.loads(node.metadata)
