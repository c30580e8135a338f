"""Does an array fit where it goes: shape, dtype, finite values, labels in range."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pipeline.errors import UserError

# No network has so many outputs; for each index below the largest there is a row in the reports.
_MOST_CLASSES = 1_000_000


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
                "add a step to data.preprocess, such as rescale, cast or quantize"
            )
        if np.issubdtype(array.dtype, np.floating) and not np.isfinite(array).all():
            raise UserError(f"{name}: input {key} holds NaN or infinity; remove the sample or fix the data")


def classes_of(labels: np.ndarray | Mapping[str, np.ndarray] | None) -> np.ndarray | None:
    """The labels when they are class indices, int64 [n]; None for targets, masks, several labels, or none."""
    return labels if isinstance(labels, np.ndarray) and labels.ndim == 1 and labels.dtype == np.int64 else None


def class_indices(
    labels: np.ndarray, *, own: Sequence[str] | None, wanted: Sequence[str] | None, ids: Sequence[str]
) -> tuple[np.ndarray, list[str] | None]:
    """Labels as indices into the class list that the configuration wants.

    Args:
        labels: class indices int [n].
        own: the names that they stand for, when the data tells.
        wanted: data.classes: another order or selection of the names; None takes the data's own.
        ids: of the samples.

    Returns:
        int64 [n] and the names, None when neither tells.

    Raises:
        UserError: on a label outside the list, or a class without a sample.
    """
    if own is not None and wanted is not None:
        place = {name: index for index, name in enumerate(wanted)}
        unknown = next((i for i, label in enumerate(labels) if own[int(label)] not in place), None)
        if unknown is not None:
            raise UserError(
                f"{ids[unknown]}: its class {own[int(labels[unknown])]!r} is not in data.classes: {', '.join(wanted)}; "
                "add it there, or take its samples out"
            )
        labels = np.array([place[own[int(label)]] for label in labels], np.int64)
    names = own if wanted is None else wanted
    if names is None:
        if (labels < 0).any():
            raise UserError(
                f"data.path: {ids[int(np.flatnonzero(labels < 0)[0])]}: label {labels.min()} is below 0; class indices count from 0"
            )
        if labels.max(initial=0) >= _MOST_CLASSES:
            raise UserError(
                f"data.path: {ids[int(labels.argmax())]}: label {labels.max()} is no class index, which count from 0; numbers to "
                "predict are floats (label_as: number in a table)"
            )
        return labels, None
    labels_in_range(labels, names, ids)
    return labels, [str(name) for name in names]  # a reader of your own may give NumPy's


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
