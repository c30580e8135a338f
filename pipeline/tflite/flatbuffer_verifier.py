"""Do the bytes of a .tflite file hang together as a flatbuffer: every table, vector and string lies within the file.

LiteRT runs the verifier of the C++ library before it reads a file; in Python there is none. This is the same walk with the same
rules (https://flatbuffers.dev/internals, `flatbuffers::Verifier`), so that nothing else ever reads beyond the end or in a circle.
What the tables hold is read off the generated classes of the schema; none is written down here.
"""

import struct
from functools import cache
from types import FunctionType
from typing import NamedTuple

from ai_edge_litert import schema_py_generated as schema

_SCALARS = {
    f"{name}Flags": int(bits) // 8
    for name, bits in (
        ("Bool", 8), ("Int8", 8), ("Uint8", 8), ("Int16", 16), ("Uint16", 16), ("Int32", 32), ("Uint32", 32),
        ("Int64", 64), ("Uint64", 64), ("Float32", 32), ("Float64", 64),
    )
}  # fmt: skip
# Fields that hold one of several tables; the field before says which.
_UNIONS = {
    "BuiltinOptions": "BuiltinOptions",
    "BuiltinOptions2": "BuiltinOptions2",
    "Details": "QuantizationDetails",
    "ArraySegments": "SparseIndexVector",
    "ArrayIndices": "SparseIndexVector",
}
_ENDINGS = ("Length", "IsNone", "AsNumpy")
# The C++ verifier's own limits: beyond them LiteRT refuses a file.
_MOST_TABLES, _MOST_BYTES = 1_000_000, 2**31 - 1


class _Field(NamedTuple):
    """A field of a table: its place in the table's list of fields; whether it is a vector; what it, or each entry, is.

    `of` is "scalar" (of `bytes` bytes), "string", "union", or the name of a table's class.
    """

    name: str
    slot: int
    vector: bool
    of: str
    bytes: int


def verify(model: bytes) -> None:
    """Check the structure of a .tflite file.

    Raises:
        ValueError: when LiteRT would refuse the bytes as no valid flatbuffer, in one line.
    """
    if len(model) < 8 or model[4:8] != b"TFL3":
        raise ValueError("not a .tflite file: the identifier TFL3 is missing")
    if len(model) > _MOST_BYTES:
        raise ValueError("the file is larger than the 2 GB that LiteRT verifies")
    todo = [("Model", _pointed(model, 0, "the root"))]
    count = 0
    while todo:
        kind, at = todo.pop()
        count += 1
        if count > _MOST_TABLES:
            raise ValueError("the file is damaged: it holds more than a million tables")
        todo += _table(model, kind, at)


def _table(model: bytes, kind: str, at: int) -> list[tuple[str, int]]:
    """The tables that a table points to, after its own fields have been checked."""
    start = at - _number(model, at, 4, kind, signed=True)
    length = _number(model, start, 2, f"the fields of {kind}")
    if length % 2:
        raise ValueError(f"the file is damaged: the list of fields of {kind} has {length} bytes")
    _within(model, start, length, 2, f"the fields of {kind}")
    slots = struct.unpack_from(f"<{max(length // 2 - 2, 0)}H", model, start + 4) if length >= 4 else ()
    found: list[tuple[str, int]] = []
    for field in _fields(kind):
        index = field.slot // 2 - 2
        if index >= len(slots) or not slots[index]:
            continue
        place, name = at + slots[index], f"{kind}.{field.name}"
        if field.of == "scalar" and not field.vector:
            _within(model, place, field.bytes, field.bytes, name)
            continue
        target = _pointed(model, place, name)
        if field.vector:
            found += _vector(model, field, target, name)
        elif field.of == "string":
            _string(model, target, name)
        elif field.of == "union":
            chosen = _chosen(model, at, slots[index - 1], _UNIONS[field.name])
            found += [] if chosen is None else [(chosen, target)]
        else:
            found.append((field.of, target))
    return found


def _vector(model: bytes, field: _Field, at: int, name: str) -> list[tuple[str, int]]:
    count = _number(model, at, 4, name)
    _within(model, at, 4 + count * field.bytes, 4, name)
    if field.of == "scalar":
        return []
    starts = [at + 4 + 4 * i + offset for i, offset in enumerate(struct.unpack_from(f"<{count}I", model, at + 4))]
    if field.of == "string":
        for start in starts:
            _string(model, start, name)
        return []
    return [(field.of, start) for start in starts]


def _string(model: bytes, at: int, name: str) -> None:
    length = _number(model, at, 4, name)
    _within(model, at, 4 + length + 1, 4, name)
    if model[at + 4 + length]:
        raise ValueError(f"the file is damaged: the text {name} does not end")


def _chosen(model: bytes, table: int, slot: int, union: str) -> str | None:
    """The class of the table that a union holds; None when there is none, or one of a newer schema."""
    number = model[table + slot] if slot else 0
    return _members(union).get(number)


@cache
def _members(union: str) -> dict[int, str]:
    members = {number: name for name, number in vars(getattr(schema, union)).items() if not name.startswith("_")}
    return {number: name for number, name in members.items() if hasattr(schema, name) and name != "NONE"}


def _pointed(model: bytes, at: int, name: str) -> int:
    """Where the offset at `at` points."""
    offset = _number(model, at, 4, name)
    if not 0 < offset <= _MOST_BYTES:
        raise ValueError(f"the file is damaged: {name} points nowhere")
    _within(model, at + offset, 1, 1, name)
    return at + offset


def _number(model: bytes, at: int, size: int, name: str, *, signed: bool = False) -> int:
    _within(model, at, size, size, name)
    return int.from_bytes(model[at : at + size], "little", signed=signed)


def _within(model: bytes, at: int, size: int, aligned: int, name: str) -> None:
    if at < 0 or at + size > len(model):
        raise ValueError(f"the file is damaged or cut off: {name} lies outside its {len(model):,} bytes")
    if at % aligned:
        raise ValueError(f"the file is damaged: {name} lies at an odd place")


@cache
def _fields(kind: str) -> tuple[_Field, ...]:
    """The fields of a table, read off the names that the methods of its generated class use.

    Raises:
        TypeError: when a method is of no known form: the schema was generated otherwise.
    """
    found = []
    for name, method in vars(getattr(schema, kind)).items():
        if not isinstance(method, FunctionType) or "Offset" not in method.__code__.co_names:
            continue
        # Methods that tell more of a vector; a field may end in such a word as well.
        if any(name.endswith(ending) and hasattr(getattr(schema, kind), name.removesuffix(ending)) for ending in _ENDINGS):
            continue
        used = set(method.__code__.co_names)
        slot = next(constant for constant in method.__code__.co_consts if isinstance(constant, int))
        vector = "Vector" in used
        scalars = [_SCALARS[entry] for entry in used if entry in _SCALARS]
        if "String" in used:
            found.append(_Field(name, slot, vector, "string", 4))
        elif "Union" in used:
            found.append(_Field(name, slot, vector, "union", 4))
        elif "Indirect" in used:
            (table,) = (entry for entry in used if entry[0].isupper() and hasattr(getattr(schema, entry, None), "GetRootAs"))
            found.append(_Field(name, slot, vector, table, 4))
        elif len(scalars) == 1:
            found.append(_Field(name, slot, vector, "scalar", scalars[0]))
        else:
            raise TypeError(f"{kind}.{name}: a field of no known form")
    return tuple(found)
