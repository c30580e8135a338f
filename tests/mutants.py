"""Damaged and altered .tflite files, at random: bytes as a broken disk leaves them, and fields of the schema."""

import random
import struct
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

_WORDS = (0, 1, 2, 3, 0x7F, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
_NUMBERS = (-2147483648, -129, -2, -1, 0, 1, 2, 3, 7, 127, 255, 65536, 2147483647)
_FLOATS = (float("nan"), float("inf"), -1.0, 0.0, 1e-45, 3e38)


def damaged(model: bytes, draw: random.Random) -> tuple[str, bytes]:
    """What was done, and the file with one to three places of it flipped, overwritten, inserted, deleted, zeroed or cut off."""
    content = bytearray(model)
    kind = draw.choice(["flip", "byte", "word", "zero", "insert", "delete", "cut"])
    for _ in range(draw.choice([1, 1, 1, 3])):
        # Constants are most of the bytes, and what describes them is at both ends.
        near = draw.choice([draw.randrange(min(3000, len(content))), len(content) - 1 - draw.randrange(min(12000, len(content)))])
        at = draw.choice([near, near, draw.randrange(len(content))])
        if kind == "flip":
            content[at] ^= 1 << draw.randrange(8)
        elif kind == "byte":
            content[at] = draw.randrange(256)
        elif kind == "word":
            content[at & ~3 : (at & ~3) + 4] = draw.choice([*_WORDS, draw.getrandbits(32)]).to_bytes(4, "little")
        elif kind == "zero":
            length = draw.randrange(1, 64)
            content[at : at + length] = bytes(len(content[at : at + length]))
        elif kind == "insert":
            content[at:at] = draw.randbytes(draw.choice([1, 4, 8]))
        elif kind == "delete":
            del content[at : at + draw.choice([1, 4, 8])]
        else:
            del content[max(at, 1) :]
    return kind, bytes(content)


def altered(model: bytes, draw: random.Random) -> tuple[str, bytes]:
    """What was done, and the file with one to three fields of the schema changed, removed, or given another's value."""
    while True:
        content = schema.ModelT.InitFromObj(schema.Model.GetRootAs(model, 0))
        done = [_alter(content, draw) for _ in range(draw.choice([1, 1, 2, 3]))]
        try:
            builder = flatbuffers.Builder(len(model) + 4096)
            builder.Finish(content.Pack(builder), b"TFL3")
        except (TypeError, AttributeError, ValueError, OverflowError, struct.error):
            continue  # a value that the field cannot hold
        return "; ".join(done), bytes(builder.Output())


def _alter(content: Any, draw: random.Random) -> str:
    tables = [row for row in _tables(content, "model") if vars(row[1])]
    # Operators and tensors are many of a kind: the kind is drawn first.
    kinds = sorted({type(table).__name__ for _, table in tables})
    kind = draw.choice(kinds)
    where, table = draw.choice([row for row in tables if type(row[1]).__name__ == kind])
    key = draw.choice(sorted(vars(table)))
    value = getattr(table, key)
    other = getattr(draw.choice([row[1] for row in tables if type(row[1]).__name__ == kind]), key)
    nothing = 0 if isinstance(value, (int, float)) else None
    new = draw.choice([_changed(value, draw), other, nothing])
    setattr(table, key, new)
    return f"{where}.{key}: {_short(value)} -> {_short(new)}"


def _short(value: Any) -> str:
    return repr(value)[:60].replace("\n", " ")


def _changed(value: Any, draw: random.Random) -> Any:
    if isinstance(value, (bool, np.bool_)):
        return not value
    if isinstance(value, (int, np.integer)):
        return draw.choice([*_NUMBERS, int(value) + 1, int(value) - 1])
    if isinstance(value, (float, np.floating)):
        return draw.choice([*_FLOATS, 2 * float(value)])
    if isinstance(value, bytes):
        return draw.choice([b"", value + b"x", b"\xff\xfe", b"a\0b"])
    if isinstance(value, np.ndarray):
        value = value.copy()
        if not value.size:
            return draw.choice([np.ones(1, value.dtype), value])
        at = draw.randrange(value.size)
        kind = draw.choice(["entry", "swap", "shorter", "longer", "empty"])
        if kind == "entry":
            limits = np.iinfo(value.dtype) if value.dtype.kind in "iu" else None
            choices = [n for n in _NUMBERS if limits is None or limits.min <= n <= limits.max]
            value[at] = draw.choice(_FLOATS) if limits is None else draw.choice(choices)
        elif kind == "swap":
            value[[0, at]] = value[[at, 0]]
        return {"shorter": value[:-1], "longer": np.append(value, value[-1:]), "empty": value[:0]}.get(kind, value)
    if isinstance(value, list) and value:
        at = draw.randrange(len(value))
        kind = draw.choice(["shorter", "twice", "swap", "empty"])
        swapped = [*value]
        swapped[0], swapped[at] = swapped[at], swapped[0]
        return {"shorter": value[:at] + value[at + 1 :], "twice": [*value, value[at]], "swap": swapped, "empty": []}[kind]
    return draw.choice([None, b"text", np.ones(1, np.int32), 1])


def _tables(table: Any, where: str) -> list[tuple[str, Any]]:
    found = [(where, table)]
    for key, value in vars(table).items():
        for number, entry in enumerate(value if isinstance(value, list) else [value]):
            if hasattr(entry, "Pack"):
                found += _tables(entry, f"{where}.{key}[{number}]")
    return found
