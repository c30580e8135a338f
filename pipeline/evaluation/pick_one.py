"""Picking one array of several by an optional name."""

from collections.abc import Mapping

import numpy as np

from pipeline.errors import UserError, one_of


def only(arrays: Mapping[str, np.ndarray], name: str | None, *, where: str) -> np.ndarray:
    """The array of that name; without a name the only one there is.

    Raises:
        UserError: when there is none of that name, or none is named and there are several.
    """
    if name is None and len(arrays) > 1:
        raise UserError(f"{where}: there are several; name one of {', '.join(arrays)}")
    return arrays[next(iter(arrays)) if name is None else one_of(name, arrays, where=where)]
