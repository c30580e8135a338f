"""Files of Google's two formats with fields changed one by one, and written again by their own libraries: protobuf, flatbuffers."""

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import numpy as np

from pipeline.cli import campaign_mutations
from tests.mutations.case import Change

_TEXTS = (
    "",
    "x",
    "Placeholder",
    "MatMul",
    "NoOp",
    "PyFunc",
    "^x",
    "x:9",
    "serving_default",
    "é" * 9,
    "a/b",
    "__sentinel__",
    "StatefulPartitionedCall",
)
_NUMBERS = (0, 1, -1, 2, 3, 23, 2**31 - 1, -(2**31), 2**32 - 1, 2**40, 2**63 - 1, -(2**63))


def _sites(message: Any, depth: int = 0) -> Iterator[tuple[Any, Any]]:
    """Every field that is set, of a message and of those in it."""
    for field, value in message.ListFields():
        yield message, field
        if field.type != field.TYPE_MESSAGE or depth > 20:
            continue
        entries = list(value.values()) if _is_map(field) else list(value) if field.is_repeated else [value]
        for entry in entries:
            if hasattr(entry, "ListFields"):
                yield from _sites(entry, depth + 1)


def _is_map(field: Any) -> bool:
    return bool(field.message_type is not None and field.message_type.GetOptions().map_entry)


def _scalar(field: Any, value: Any, rng: np.random.Generator) -> Any:
    if field.type == field.TYPE_STRING:
        return _TEXTS[int(rng.integers(len(_TEXTS)))]
    if field.type == field.TYPE_BYTES:
        return (b"", b"\xff", value[: len(value) // 2], value + value, _TEXTS[int(rng.integers(len(_TEXTS)))].encode())[
            int(rng.integers(5))
        ]
    if field.type in (field.TYPE_FLOAT, field.TYPE_DOUBLE):
        return float(rng.choice((0, -1, np.nan, np.inf, 1e38)))
    if field.type == field.TYPE_BOOL:
        return not value
    return _NUMBERS[int(rng.integers(len(_NUMBERS)))]


def _changed(message: Any, field: Any, sites: list[tuple[Any, Any]], rng: np.random.Generator) -> None:
    value = getattr(message, field.name)
    if _is_map(field):
        keys = sorted(value)
        key = keys[int(rng.integers(len(keys)))]
        other = keys[int(rng.integers(len(keys)))]
        if rng.random() < 0.5 or not hasattr(value[key], "CopyFrom"):
            del value[key]
        else:
            value[key].CopyFrom(value[other])
    elif field.is_repeated:
        at, other = int(rng.integers(len(value))), int(rng.integers(len(value)))
        how = int(rng.integers(3))
        if how == 0:
            del value[at]
        elif field.type == field.TYPE_MESSAGE:
            value[at].CopyFrom(value[other]) if how == 1 else value.add().CopyFrom(value[other])
        elif how == 1:
            value[at] = _scalar(field, value[at], rng)
        else:
            value.append(value[other])
    elif field.type == field.TYPE_MESSAGE:
        same = [owner for owner, entry in sites if entry.full_name == field.full_name]
        if rng.random() < 0.5:
            message.ClearField(field.name)
        else:
            getattr(message, field.name).CopyFrom(getattr(same[int(rng.integers(len(same)))], field.name))
    else:
        setattr(message, field.name, _scalar(field, value, rng))


def protobuf(content: bytes, rng: np.random.Generator) -> bytes:
    """A saved_model.pb with one to three fields dropped, doubled, exchanged or of another value."""
    from tensorflow.core.protobuf import saved_model_pb2

    message = saved_model_pb2.SavedModel()
    message.ParseFromString(content)
    for _ in range(int(rng.integers(1, 4))):
        sites = list(_sites(message))
        # Every kind of field as often as any other: most of a graph is attributes of operators.
        kinds = sorted({field.full_name for _, field in sites})
        kind = kinds[int(rng.integers(len(kinds)))]
        places = [site for site in sites if site[1].full_name == kind]
        holder, field = places[int(rng.integers(len(places)))]
        try:
            _changed(holder, field, sites, rng)
        except ValueError:  # a number beyond the field's own type
            continue
    return bytes(message.SerializeToString(deterministic=True))


@lru_cache(maxsize=4)
def _opened(content: bytes) -> tuple[bytes, Any, Any]:
    opened = campaign_mutations.parse(content)
    return campaign_mutations.written(opened), opened, campaign_mutations.sites(opened)


def flatbuffer(content: bytes, rng: np.random.Generator) -> bytes:
    """A .tflite with one field of its schema changed, drawn as `make campaign` draws them."""
    return campaign_mutations.draw(*_opened(content), rng).content


PROTOBUF: tuple[Change, ...] = (protobuf,)
FLATBUFFER: tuple[Change, ...] = (flatbuffer,)
