"""Mutations of .tflite files, drawn from the schema by reflection: every field, whatever its type, in every kind of place.

Drawn are fields first, then roles (the operator an option belongs to, the dtype of a buffer, whether a tensor is a constant), then
instances. So a field that a file holds once is drawn as often as its weights.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from pipeline.cli import campaign_faults, campaign_numbers
from pipeline.cli import campaign_values as values

_OPERATORS = {value: name for name, value in vars(schema.BuiltinOperator).items() if not name.startswith("_")}
_DTYPES = {value: name.lower() for name, value in vars(schema.TensorType).items() if not name.startswith("_")}
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
            todo += [name for type_ in values.types(owner).values() for name in values.classes_in(type_)]
    return [named(owner, field) for owner in seen for field in values.types(owner)]


def sites(content: Any) -> dict[str, dict[str, list[Site]]]:
    """All fields of a file's content, by field and role."""
    found: dict[str, dict[str, list[Site]]] = {}
    for site in _walk(content, "model", _roles(content)):
        field = named(type(site.owner).__name__, site.field)
        found.setdefault(field, {}).setdefault(site.role, []).append(site)
    return found


def _walk(owner: Any, path: str, roles: dict[int, str], role: str = "") -> Iterator[Site]:
    role = roles.get(id(owner), role)
    for field in values.types(type(owner).__name__):
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
            name = values.one_of([name for name in (*found, FILE) for _ in range(_OFTEN.get(name, 1))], rng)
            mutant = _damaged(model, rng) if name == FILE else changed(model, content, found[name], rng)
        if mutant is not None:
            return mutant


def changed(model: bytes, content: Any, places: dict[str, list[Site]], rng: np.random.Generator) -> Mutant | None:
    """The file with another value in one of a field's places; None where it cannot be written or is the same file.

    Args:
        model, content, rng: as in `draw`.
        places: by role, of `sites(content)`.
    """
    role = values.one_of(list(places), rng)
    site = values.one_of(places[role], rng)
    owner, before = type(site.owner).__name__, getattr(site.owner, site.field)
    other = values.one_of(places[role], rng)
    value, what = values.changed(before, values.types(owner)[site.field], getattr(other.owner, other.field), rng)
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
    name, content = values.one_of([*campaign_faults.FAULTS, BEHIND], rng), parse(model)
    if name == BEHIND:
        moved = campaign_numbers.behind(written, content, rng)
        return None if moved is None else Mutant(content=moved[0], field=name, role="", path="", what=moved[1])
    what = campaign_faults.FAULTS[name](content, rng)
    if what is None:
        return None
    mutant = written(content)
    return None if mutant == model else Mutant(content=mutant, field=name, role="", path="", what=what)


def _damaged(model: bytes, rng: np.random.Generator) -> Mutant:
    """A file cut off, or with one bit or a few bytes changed, wherever that is."""
    raw = np.frombuffer(model, np.uint8).copy()
    how = values.one_of(["cut", "bit", "bytes", "head"], rng)
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
