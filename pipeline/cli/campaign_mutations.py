"""Mutations of .tflite files, drawn from the schema by reflection: every field, whatever its type, in every kind of place.

Drawn are fields first, then roles (the operator an option belongs to, the dtype of a buffer, whether a tensor is a constant), then
instances. So a field that a file holds once is drawn as often as its weights.
"""

import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from pipeline.cli import campaign_faults

_OPERATORS = {value: name for name, value in vars(schema.BuiltinOperator).items() if not name.startswith("_")}
_DTYPES = {value: name.lower() for name, value in vars(schema.TensorType).items() if not name.startswith("_")}
# One byte of a file may be anything; these are what people's tools do to numbers.
_FACTORS = (0.5, 2.0, 1.01, 1 / 16, 300.0, -1.0, 0.0, float("nan"), float("inf"), 1.0001)
FILE = "the file's bytes"
BEHIND = "a constant behind the file"
# Share of faults that take more than one field.
_COMBINED = 0.2
# Fields that hold much of what a network is are drawn more often.
_OFTEN = {"Buffer.data": 8, "QuantizationParameters.scale": 4, "QuantizationParameters.zeroPoint": 2, "Operator.inputs": 3, FILE: 4}


class Site(NamedTuple):
    """A field of an object of a file: `role` says in which kind of place, `path` where."""

    owner: Any
    field: str
    role: str
    path: str


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """A file with one thing changed: `field` as `Tensor.shape`, where, and what was done."""

    content: bytes
    field: str
    role: str
    path: str
    what: str


def parse(model: bytes) -> Any:
    """The content of a file (schema.ModelT), to be changed and written again."""
    return schema.ModelT.InitFromObj(schema.Model.GetRootAs(model, 0))


def written(content: Any) -> bytes:
    """The bytes of a file with this content.

    Raises:
        TypeError: when a number does not fit its field.
    """
    builder = flatbuffers.Builder(1 << 16)
    builder.Finish(content.Pack(builder), b"TFL3")
    return bytes(builder.Output())


@cache
def types(owner: str) -> dict[str, str]:
    """The types of the fields of a schema class by its name, as the generated code notes them: `Optional[List[int]]`."""
    source = inspect.getsource(getattr(schema, owner).__init__)
    return dict(re.findall(r"self\.(\w+) = \w+  # type: (.+)", source))


def named(owner: str, field: str) -> str:
    """A field as the schema calls it: `Tensor.shape`."""
    return f"{owner.removesuffix('T')}.{field}"


def schema_fields() -> list[str]:
    """All fields that a file can have, from the schema itself."""
    todo, seen = ["ModelT"], dict[str, None]()
    while todo:
        owner = todo.pop()
        if owner not in seen:
            seen[owner] = None
            todo += [name for type_ in types(owner).values() for name in _classes(type_)]
    return [named(owner, field) for owner in seen for field in types(owner)]


def classes(owner: str, field: str) -> list[str]:
    """The classes of the schema that a field may hold."""
    return _classes(types(owner)[field])


def _classes(type_: str) -> list[str]:
    return [name for name in re.findall(r"\w+T\b", type_) if hasattr(schema, name)]


def sites(content: Any) -> dict[str, dict[str, list[Site]]]:
    """All fields of a file's content, by field and role."""
    found: dict[str, dict[str, list[Site]]] = {}
    for site in _walk(content, "model", _roles(content)):
        field = named(type(site.owner).__name__, site.field)
        found.setdefault(field, {}).setdefault(site.role, []).append(site)
    return found


def _walk(owner: Any, path: str, roles: dict[int, str], role: str = "") -> Iterator[Site]:
    role = roles.get(id(owner), role)
    for field in types(type(owner).__name__):
        value = getattr(owner, field)
        yield Site(owner, field, role, f"{path}.{field}")
        if hasattr(value, "Pack"):
            yield from _walk(value, f"{path}.{field}", roles, role)
        elif isinstance(value, list):
            for number, entry in enumerate(value):
                if hasattr(entry, "Pack"):
                    yield from _walk(entry, f"{path}.{field}[{number}]", roles, role)


def _roles(content: Any) -> dict[int, str]:
    """By id of an object what stands there: an operator's name, what a tensor holds, the dtype that a buffer is read in."""
    found: dict[int, str] = {}
    for subgraph in content.subgraphs:
        ends = {*map(int, subgraph.inputs), *map(int, subgraph.outputs)}
        for operator in subgraph.operators:
            found[id(operator)] = operator_name(content, operator)
        for number, tensor in enumerate(subgraph.tensors):
            buffer = content.buffers[tensor.buffer]
            held = "constant" if buffer.data is not None and len(buffer.data) else "end" if number in ends else "activation"
            dtype = _DTYPES.get(tensor.type, "?")
            found[id(tensor)] = f"{held} {dtype}"
            found[id(buffer)] = dtype if held == "constant" else "empty"
    return found


def operator_name(content: Any, operator: Any) -> str:
    """Its name in the schema."""
    code = content.operatorCodes[operator.opcodeIndex]
    return _OPERATORS[max(code.builtinCode, code.deprecatedBuiltinCode)]


def draw(model: bytes, content: Any, found: dict[str, dict[str, list[Site]]], rng: np.random.Generator) -> Mutant:
    """One mutant, another than the file.

    Args:
        model: the file.
        content: of `parse(model)`; unchanged afterwards.
        found: of `sites(content)`.
        rng: what is drawn.
    """
    while True:
        if rng.random() < _COMBINED:
            mutant = _fault(model, rng)
        else:
            name = _one([name for name in (*found, FILE) for _ in range(_OFTEN.get(name, 1))], rng)
            mutant = _damaged(model, rng) if name == FILE else changed(model, content, found[name], rng)
        if mutant is not None:
            return mutant


def changed(model: bytes, content: Any, places: dict[str, list[Site]], rng: np.random.Generator) -> Mutant | None:
    """The file with another value in one of a field's places; None where it cannot be written or is the same file.

    Args:
        model, content, rng: as in `draw`.
        places: by role, of `sites(content)`.
    """
    role = _one(list(places), rng)
    site = _one(places[role], rng)
    owner, before = type(site.owner).__name__, getattr(site.owner, site.field)
    other = _one(places[role], rng)
    value, what = _changed(before, types(owner)[site.field], getattr(other.owner, other.field), rng)
    setattr(site.owner, site.field, value)
    try:
        mutant = written(content)
    # Numbers that the field does not hold, and parts that an object must have to be written: no such file.
    except (TypeError, AttributeError, OverflowError):
        return None
    finally:
        setattr(site.owner, site.field, before)
    return None if mutant == model else Mutant(content=mutant, field=named(owner, site.field), role=role, path=site.path, what=what)


def _fault(model: bytes, rng: np.random.Generator) -> Mutant | None:
    """One of `campaign_faults`; None where the file has no place for it, or it changes nothing."""
    name, content = _one([*campaign_faults.FAULTS, BEHIND], rng), parse(model)
    if name == BEHIND:
        moved = campaign_faults.behind(written, content, rng)
        return None if moved is None else Mutant(content=moved[0], field=name, role="", path="", what=moved[1])
    what = campaign_faults.FAULTS[name](content, rng)
    if what is None:
        return None
    mutant = written(content)
    return None if mutant == model else Mutant(content=mutant, field=name, role="", path="", what=what)


def _damaged(model: bytes, rng: np.random.Generator) -> Mutant:
    """A file cut off, or with one bit or a few bytes changed, wherever that is."""
    raw = np.frombuffer(model, np.uint8).copy()
    how = _one(["cut", "bit", "bytes", "head"], rng)
    if how == "cut":
        length = int(rng.integers(0, len(raw)))
        return Mutant(content=raw[:length].tobytes(), field=FILE, role=how, path="", what=f"cut off after {length} bytes")
    # Tables lie in front or behind the weights, according to the writer; the first bytes say where everything is.
    at = int(rng.integers(0, 64 if how == "head" else len(raw)))
    if how == "bytes":
        raw[at : at + 4] = rng.integers(0, 256, len(raw[at : at + 4]), np.uint8)
    else:
        raw[at] ^= np.uint8(1 << int(rng.integers(8)))
    return Mutant(content=raw.tobytes(), field=FILE, role=how, path="", what=f"{how} at byte {at}")


def _one(items: list[Any], rng: np.random.Generator) -> Any:
    return items[int(rng.integers(len(items)))]


def _changed(value: Any, type_: str, another: Any, rng: np.random.Generator) -> tuple[Any, str]:
    """Another value of the same type, and what it is; `another`: that of the same field elsewhere."""
    if rng.random() < 0.15:
        return another, "another's"
    if type_ == "bool":
        return not value, f"{not value} for {value}"
    if type_ == "int":
        changed = _integer(int(value), rng)
        return changed, f"{changed} for {value}"
    if type_ == "float":
        scaled = _factor(value, rng) if value else float(_one([1.0, 0.5, 6.0, -1.0, float("nan")], rng))
        return scaled, f"{scaled} for {value}"
    if type_ == "Optional[str]":
        return _one([None, b"", b"x", (value or b"") + b"_", (value or b"")[:-1]], rng), "another string"
    if "List[" in type_:
        return _listed(value, type_, rng)
    if value is None:
        made = _made(_one(_classes(type_), rng), rng)
        return made, f"{type(made).__name__} for none"
    return _one([(None, "left out"), (type(value)(), "defaults")], rng)


def _made(owner: str, rng: np.random.Generator) -> Any:
    """An object where there was none, half of its fields set."""
    made = getattr(schema, owner)()
    for field, type_ in types(owner).items():
        if rng.random() < 0.5:
            setattr(made, field, _changed(getattr(made, field), type_, getattr(made, field), rng)[0])
    return made


def _integer(value: int, rng: np.random.Generator) -> int:
    choices = [value + 1, value - 1, 2 * value, -value, 0, 1, 2, 3, -1, int(rng.integers(0, 40)), int(rng.integers(-128, 210))]
    return _one([choice for choice in choices if choice != value], rng)


def _factor(value: Any, rng: np.random.Generator) -> Any:
    return value * _one(list(_FACTORS), rng)


def _listed(value: Any, type_: str, rng: np.random.Generator) -> tuple[Any, str]:
    if value is None or len(value) == 0:
        classes = _classes(type_)
        entries = {"List[float]": [0.5], "List[bool]": [True]}
        filled = (
            [getattr(schema, classes[0])()]
            if classes
            else next((v for k, v in entries.items() if k in type_), [_one([0, 1, 2], rng)])
        )
        return filled, "an entry in an empty list"
    if _classes(type_):
        return _rearranged(list(value), rng)
    array = np.array(value)
    if array.dtype == np.uint8:
        return _bytes(array, rng)
    how, change = _one(_ENTRIES + (_FLOATS if array.dtype.kind == "f" else _INTEGERS), rng)
    return change(array, rng), how


def _rearranged(entries: list[Any], rng: np.random.Generator) -> tuple[Any, str]:
    one, other = map(int, rng.integers(len(entries), size=2))
    how = _one(["swapped", "dropped", "repeated", "moved", "none"], rng)
    if how == "swapped":
        entries[one], entries[other] = entries[other], entries[one]
    elif how == "dropped":
        del entries[one]
    elif how == "repeated":
        entries.insert(other, entries[one])
    elif how == "moved":
        entries.insert(other, entries.pop(one))
    else:
        return None, "no list"
    return entries, f"{how}: {one} and {other}"


def _entry(array: np.ndarray, rng: np.random.Generator, change: Callable[[Any], Any]) -> np.ndarray:
    found = array.copy()
    at = int(rng.integers(len(found)))
    found[at] = change(found[at])
    return found


def _swapped(array: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    found = array.copy()
    one, other = rng.integers(len(found), size=2)
    found[[one, other]] = found[[other, one]]
    return found


_Change = Callable[[np.ndarray, np.random.Generator], Any]
_ENTRIES: list[tuple[str, _Change]] = [
    ("two entries swapped", _swapped),
    ("reversed", lambda array, rng: array[::-1].copy()),
    ("the last entry dropped", lambda array, rng: array[:-1]),
    ("the first entry only", lambda array, rng: array[:1]),
    ("the last entry repeated", lambda array, rng: np.concatenate([array, array[-1:]])),
    ("no list", lambda array, rng: None),
]
_INTEGERS: list[tuple[str, _Change]] = 6 * [
    ("an entry changed", lambda array, rng: _entry(array, rng, lambda value: _integer(int(value), rng)))
]
_FLOATS: list[tuple[str, _Change]] = 3 * [
    ("an entry scaled", lambda array, rng: _entry(array, rng, lambda value: _factor(value, rng))),
    ("all scaled", lambda array, rng: _factor(array, rng)),
]


# Those of words first.
_BYTES = ["float scaled", "word added to", "words swapped", "all scaled", "bit", "byte", "zeros", "reversed", "cut", "longer"]


def _bytes(data: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, str]:
    """Constants of any dtype: bits, words taken for floats or integers, order, length."""
    found = data.copy()
    words = found[: len(found) // 4 * 4]
    at = int(rng.integers(max(1, len(words) // 4)))
    how = _one(
        ["bit", "byte", "float scaled", "word added to", "words swapped", "all scaled", "zeros", "reversed", "cut", "longer"], rng
    )
    with np.errstate(all="ignore"):
        if how == "bit":
            found[int(rng.integers(len(found)))] ^= np.uint8(1 << int(rng.integers(8)))
        elif how == "byte":
            found[int(rng.integers(len(found)))] += np.uint8(_one([1, 255, 128], rng))
        elif how == "float scaled":
            words.view(np.float32)[at] *= np.float32(_one(list(_FACTORS), rng))
        elif how == "word added to":
            words.view(np.int32)[at] += np.int32(_one([1, -1, 2, 1000], rng))
        elif how == "words swapped":
            other = int(rng.integers(len(words) // 4))
            view = words.view(np.uint32)
            view[[at, other]] = view[[other, at]]
        elif how == "all scaled":
            words.view(np.float32)[:] *= np.float32(_one(list(_FACTORS), rng))
        elif how == "zeros":
            found[:] = 0
        elif how == "reversed":
            found = found[::-1].copy()
        elif how == "cut":
            found = found[: int(rng.integers(len(found)))]
        else:
            found = np.concatenate([found, found[-4:]])
    return found, how
