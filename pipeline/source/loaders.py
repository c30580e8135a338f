"""Which loader reads which format: one function and one row in `LOADERS` each. The libraries are imported when they are needed."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from pipeline.errors import UserError
from pipeline.source import detect, network, stored_sizes
from pipeline.system import boundary

# What a file that is kept so is called in messages.
_KINDS = {"zip": "a .keras file", "hdf5": "a Keras model in HDF5", "folder": "a SavedModel"}


def load(
    path: Path,
    *,
    format: str = "auto",
    signature: str | None = None,
    custom: Mapping[str, Any],
    trust_code: bool = False,
    shapes: Mapping[str, Sequence[int]] | None = None,
    dtypes: Mapping[str, str] | None = None,
) -> tuple[str, network.Network]:
    """Load a trained network, whatever it was saved as.

    Args:
        path: file or folder.
        format: key of `LOADERS`, or "auto", which looks inside.
        signature: of a SavedModel; None when there is but one.
        custom: the user's Keras classes by registered name.
        trust_code: run Python bytecode, functions and operators that the file names, whatever they do.
        shapes: of inputs without the batch, for networks that do not know them.
        dtypes: of inputs, for networks that do not know them.

    Returns:
        The format, and the network.

    Raises:
        UserError: when it cannot be read, takes more than the limit, or is not of the format.
    """
    with boundary.reading(path, kind="a saved network", key="model.path"):
        found = detect.detect(path)
    chosen = found if format == "auto" else format
    if detect.CONTAINERS[chosen] != detect.CONTAINERS[found]:
        raise UserError(f"model.format: {chosen} is not what {path} holds: that is {found}; set it to auto")
    options = {"signature": signature, "custom": custom, "trust_code": trust_code, "shapes": shapes or {}, "dtypes": dtypes or {}}
    container = detect.CONTAINERS[chosen]
    with boundary.reading(path, kind=_KINDS[container], key="model.path"):
        stored_sizes.check(path, container)
        return chosen, LOADERS[chosen](path, chosen, options)


def handling(path: Path) -> AbstractContextManager[None]:
    """Around what TensorFlow does with a network that was loaded from `path`: see `boundary.reading`."""
    remedy = "run it on a sample where it was trained, and save it again"
    return boundary.reading(path, kind="a network that TensorFlow can export", key="model.path", remedy=remedy)


def _keras3(path: Path, format: str, options: Mapping[str, Any]) -> network.Network:
    from pipeline.source import keras3

    return keras3.load(path, format=format, **{key: options[key] for key in ("custom", "trust_code", "shapes", "dtypes")})


def _keras2(path: Path, format: str, options: Mapping[str, Any]) -> network.Network:
    from pipeline.source import keras2

    return keras2.load(path, format=format, **{key: options[key] for key in ("custom", "trust_code")})


def _saved_model(path: Path, format: str, options: Mapping[str, Any]) -> network.Network:
    from pipeline.source import saved_model

    return saved_model.load(path, signature=options["signature"], trust_code=options["trust_code"])


LOADERS: dict[str, Callable[[Path, str, Mapping[str, Any]], network.Network]] = {
    "keras": _keras3,
    "keras3_h5": _keras3,
    "keras2": _keras2,
    "keras2_h5": _keras2,
    "keras2_saved_model": _keras2,
    "saved_model": _saved_model,
}
