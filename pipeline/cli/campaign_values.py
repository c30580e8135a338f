"""Other values for a field of the .tflite schema, whatever its type: what the campaign writes there."""

import inspect
import re
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

# One byte of a file may be anything; these are what people's tools do to numbers.
_FACTORS = (0.5, 2.0, 1.01, 1 / 16, 300.0, -1.0, 0.0, float("nan"), float("inf"), 1.0001)


@cache
def types(owner: str) -> dict[str, str]:
    """The types of the fields of a schema class by its name, as the generated code notes them: `Optional[List[int]]`."""
    source = inspect.getsource(getattr(schema, owner).__init__)
    return dict(re.findall(r"self\.(\w+) = \w+  # type: (.+)", source))


def classes(owner: str, field: str) -> list[str]:
    """The classes of the schema that a field may hold."""
    return classes_in(types(owner)[field])


def classes_in(type_: str) -> list[str]:
    return [name for name in re.findall(r"\w+T\b", type_) if hasattr(schema, name)]


def one_of(items: list[Any], rng: np.random.Generator) -> Any:
    return items[int(rng.integers(len(items)))]


def changed(value: Any, type_: str, another: Any, rng: np.random.Generator) -> tuple[Any, str]:
    """Another value of the same type, and what it is; `another`: that of the same field elsewhere."""
    if rng.random() < 0.15:
        return another, "another's"
    if type_ == "bool":
        return not value, f"{not value} for {value}"
    if type_ == "int":
        changed = _integer(int(value), rng)
        return changed, f"{changed} for {value}"
    if type_ == "float":
        scaled = _factor(value, rng) if value else float(one_of([1.0, 0.5, 6.0, -1.0, float("nan")], rng))
        return scaled, f"{scaled} for {value}"
    if type_ == "Optional[str]":
        return one_of([None, b"", b"x", (value or b"") + b"_", (value or b"")[:-1]], rng), "another string"
    if "List[" in type_:
        return _listed(value, type_, rng)
    if value is None:
        made = _made(one_of(classes_in(type_), rng), rng)
        return made, f"{type(made).__name__} for none"
    return one_of([(None, "left out"), (type(value)(), "defaults")], rng)


def _made(owner: str, rng: np.random.Generator) -> Any:
    """An object where there was none, half of its fields set."""
    made = getattr(schema, owner)()
    for field, type_ in types(owner).items():
        if rng.random() < 0.5:
            setattr(made, field, changed(getattr(made, field), type_, getattr(made, field), rng)[0])
    return made


def _integer(value: int, rng: np.random.Generator) -> int:
    choices = [value + 1, value - 1, 2 * value, -value, 0, 1, 2, 3, -1, int(rng.integers(0, 40)), int(rng.integers(-128, 210))]
    return one_of([choice for choice in choices if choice != value], rng)


def _factor(value: Any, rng: np.random.Generator) -> Any:
    return value * one_of(list(_FACTORS), rng)


def _listed(value: Any, type_: str, rng: np.random.Generator) -> tuple[Any, str]:
    if value is None or len(value) == 0:
        classes = classes_in(type_)
        entries = {"List[float]": [0.5], "List[bool]": [True]}
        filled = (
            [getattr(schema, classes[0])()]
            if classes
            else next((v for k, v in entries.items() if k in type_), [one_of([0, 1, 2], rng)])
        )
        return filled, "an entry in an empty list"
    if classes_in(type_):
        return _rearranged(list(value), rng)
    array = np.array(value)
    if array.dtype == np.uint8:
        return _bytes(array, rng)
    how, change = one_of(_ENTRIES + (_FLOATS if array.dtype.kind == "f" else _INTEGERS), rng)
    return change(array, rng), how


def _rearranged(entries: list[Any], rng: np.random.Generator) -> tuple[Any, str]:
    one, other = map(int, rng.integers(len(entries), size=2))
    how = one_of(["swapped", "dropped", "repeated", "moved", "none"], rng)
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
    how = one_of(_BYTES if len(words) else _BYTES[4:], rng)
    with np.errstate(all="ignore"):
        if how == "bit":
            found[int(rng.integers(len(found)))] ^= np.uint8(1 << int(rng.integers(8)))
        elif how == "byte":
            found[int(rng.integers(len(found)))] += np.uint8(one_of([1, 255, 128], rng))
        elif how == "float scaled":
            words.view(np.float32)[at] *= np.float32(one_of(list(_FACTORS), rng))
        elif how == "word added to":
            words.view(np.int32)[at] += np.int32(one_of([1, -1, 2, 1000], rng))
        elif how == "words swapped":
            other = int(rng.integers(len(words) // 4))
            view = words.view(np.uint32)
            view[[at, other]] = view[[other, at]]
        elif how == "all scaled":
            words.view(np.float32)[:] *= np.float32(one_of(list(_FACTORS), rng))
        elif how == "zeros":
            found[:] = 0
        elif how == "reversed":
            found = found[::-1].copy()
        elif how == "cut":
            found = found[: int(rng.integers(len(found)))]
        else:
            found = np.concatenate([found, found[-4:]])
    return found, how
