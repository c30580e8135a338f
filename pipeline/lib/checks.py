"""Does an array fit where it goes: shape, dtype, finite values, labels in range."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pipeline.lib.errors import UserError


def fits_signature(sample: Mapping[str, np.ndarray], inputs: Sequence[Mapping[str, Any]], *, name: str) -> None:
    """Compare one preprocessed sample with the network's inputs.

    Args:
        sample: arrays by input name, without a batch dimension.
        inputs: `name`, `shape` (batch first, None where free) and `dtype` of each input, from models/source.json.
        name: of the sample, for the message.

    Raises:
        UserError: on a missing or unknown input, another rank, shape or dtype, or a value that is not finite.
    """
    expected = {entry["name"]: entry for entry in inputs}
    if set(sample) != set(expected):
        raise UserError(
            f"data.reader: gives inputs {', '.join(sorted(sample))}; the network has {', '.join(sorted(expected))}; "
            "name them in data.reader.options"
        )
    for key, array in sample.items():
        shape = expected[key]["shape"][1:]
        if array.ndim != len(shape) or any(want not in (None, have) for want, have in zip(shape, array.shape, strict=True)):
            raise UserError(f"{name}: input {key} has shape {list(array.shape)}, the network wants {shape}; see data.preprocess")
        if array.dtype.name != expected[key]["dtype"]:
            raise UserError(
                f"{name}: input {key} is {array.dtype.name}, the network wants {expected[key]['dtype']}; "
                "add a step to data.preprocess, such as rescale or cast"
            )
        if np.issubdtype(array.dtype, np.floating) and not np.isfinite(array).all():
            raise UserError(f"{name}: input {key} holds NaN or infinity; remove the sample or mend the data")


def labels_in_range(labels: np.ndarray, classes: Sequence[str], ids: Sequence[str]) -> None:
    """Compare labels int [n] with the class list.

    Raises:
        UserError: on a label outside the list, or a class without a sample.
    """
    outside = np.flatnonzero((labels < 0) | (labels >= len(classes)))
    if outside.size:
        first = outside[0]
        raise UserError(
            f"{ids[first]}: label {labels[first]} is not in data.classes, which has {len(classes)} (0 to {len(classes) - 1})"
        )
    empty = [name for index, name in enumerate(classes) if not (labels == index).any()]
    if empty:
        raise UserError(f"data.classes: no sample of {', '.join(repr(name) for name in empty)}; remove the class or add samples")
