"""JSON that is still JSON, mostly, and says something else: keys dropped, renamed, of another type, deep, huge or no number."""

import copy
import json
from collections.abc import Iterator
from typing import Any

import numpy as np

from tests.mutations.case import Change

_CLASSES = (
    "Dense", "Conv2D", "Lambda", "InputLayer", "Functional", "Sequential", "Embedding", "GRU", "TFOpLambda", "Nonsense",
    "__lambda__", "function", "Bidirectional", "TimeDistributed", "StringLookup", "Model",
)  # fmt: skip


def values(rng: np.random.Generator) -> Any:
    """What stands where something else was expected."""
    deep: Any = []
    for _ in range(int(rng.choice((5, 200, 900)))):
        deep = [deep] if rng.random() < 0.5 else {"config": deep, "class_name": "Dense"}
    chosen: tuple[Any, ...] = (
        None, True, False, 0, -1, 1, 3, 2**31 - 1, 2**31, 2**40, 2**63, 10**400, 0.5, -0.0, 1e308, float("nan"), float("inf"),
        "", "x", "relu", "é" * 50, "a" * 100_000, "\0", "../../x", "float99", "float16", "string", [], {}, [None], [-1], [2**40],
        [0, 0], [[[]]], {"": ""}, {"class_name": "Dense"}, {"class_name": "Dense", "config": {}}, deep,
    )  # fmt: skip
    return chosen[int(rng.integers(len(chosen)))]


def _sites(tree: Any) -> Iterator[tuple[Any, Any]]:
    """Every container and key of a tree."""
    for key, value in list(tree.items() if isinstance(tree, dict) else enumerate(tree)):
        yield tree, key
        if isinstance(value, (dict, list)):
            yield from _sites(value)


def tree_changed(tree: Any, rng: np.random.Generator) -> Any:
    """A tree of dictionaries and lists with one to three places changed."""
    changed = copy.deepcopy(tree)
    for _ in range(int(rng.integers(1, 4))):
        sites = list(_sites(changed))
        if not sites:
            return changed
        holder, key = sites[int(rng.integers(len(sites)))]
        _change(holder, key, sites, rng)
    return changed


def _change(holder: Any, key: Any, sites: list[tuple[Any, Any]], rng: np.random.Generator) -> None:
    how = int(rng.integers(7))
    if how == 0:
        del holder[key]
    elif how == 1 and isinstance(holder, dict):
        holder[f"{key}_"] = holder.pop(key)
    elif how == 2 and isinstance(holder, list):
        holder.insert(key, copy.deepcopy(holder[key]))
    elif how == 3:  # another's value
        other, place = sites[int(rng.integers(len(sites)))]
        holder[key] = copy.deepcopy(other[place])
    elif how == 4:  # another class
        classes = [(owner, place) for owner, place in sites if place == "class_name"]
        if classes:
            owner, place = classes[int(rng.integers(len(classes)))]
            owner[place] = _CLASSES[int(rng.integers(len(_CLASSES)))]
    elif how == 5 and isinstance(holder[key], (int, float)):
        holder[key] = holder[key] * int(rng.choice((-1, 0, 2, 1000, 2**33)))
    else:
        holder[key] = values(rng)


def changed_tree(content: bytes, rng: np.random.Generator) -> bytes:
    return json.dumps(tree_changed(json.loads(content), rng)).encode("utf-8", "surrogatepass")


def changed_text(content: bytes, rng: np.random.Generator) -> bytes:
    """No longer JSON, or not the JSON that it looks like."""
    at = int(rng.integers(len(content)))
    ways = (
        content[:at],
        b"",
        b"[" * 100_000,
        b'{"a":' * 50_000,
        b"null",
        b"[]",
        b"{}",
        b'"text"',
        b"1" * 5000,
        b"\xef\xbb\xbf" + content,
        content.decode().encode("utf-16"),
        content + content,
        content.replace(b'"', b"'", 1),
        content.replace(b":", b": NaN, ", 1),
        content[:at] + b"\xff" + content[at + 1 :],
        content[:at] + b'"' + content[at:],
    )
    return ways[int(rng.integers(len(ways)))]


JSON: tuple[Change, ...] = (changed_tree, changed_tree, changed_tree, changed_text)
