"""One loader for each format: one function and one row in `LOADERS` each. A library is imported when its format needs it."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.lib.network import Network


def keras3(path: Path, **options: Any) -> Network:
    """A file of Keras 3; see `keras3.load`."""
    from pipeline.lib import keras3 as loader

    return loader.load(path, **{key: options[key] for key in ("format", "custom", "trust_code", "shapes", "dtypes")})


def keras2(path: Path, **options: Any) -> Network:
    """A file of Keras 2; see `keras2.load`."""
    from pipeline.lib import keras2 as loader

    return loader.load(path, **{key: options[key] for key in ("format", "custom", "trust_code")})


def saved_model(path: Path, **options: Any) -> Network:
    """A SavedModel; see `saved_model.load`."""
    from pipeline.lib import saved_model as loader

    return loader.load(path, signature=options["signature"])


LOADERS: dict[str, Callable[..., Network]] = {
    "keras": keras3,
    "keras3_h5": keras3,
    "keras2": keras2,
    "keras2_h5": keras2,
    "keras2_saved_model": keras2,
    "saved_model": saved_model,
}


def load(
    path: Path,
    *,
    format: str,
    custom: Mapping[str, Any],
    trust_code: bool,
    signature: str | None,
    shapes: Mapping[str, Sequence[int]],
    dtypes: Mapping[str, str],
) -> Network:
    """Load a network of any format.

    Args:
        path: file or folder.
        format: key of `LOADERS`.
        custom: the user's classes by registered name, for Keras.
        trust_code: run Python bytecode that a Keras file holds.
        signature: key of a SavedModel's signature.
        shapes: shapes of inputs without the batch, for a subclassed model that does not tell.
        dtypes: dtypes of inputs, for the same.

    Raises:
        UserError: when it cannot be read.
    """
    return LOADERS[format](
        path, format=format, custom=custom, trust_code=trust_code, signature=signature, shapes=shapes, dtypes=dtypes
    )
