"""Inputs and outputs of a file beside those of the network."""

from collections.abc import Mapping
from typing import Any

from pipeline.tflite.flatbuffer import Graph
from pipeline.verification.end_matching import Ends


def rows(graph: Graph, facts: Mapping[str, Any], ends: Ends | None = None) -> list[dict[str, Any]]:
    """A row for the key and for each tensor: `what`, `expected`, `found`, `passed`. Other names pass where `ends` pairs them.

    Args:
        graph: the file in question, under its own names.
        facts: `signature` of models/source.json: `key`, `inputs` and `outputs` with `name`, `shape`, `dtype`.
        ends: what the inputs and outputs are called in a file that need not have the network's names; None: it must.
    """
    compared = [_compared("signature key", facts["key"], graph.signature or "none", named=ends is not None)]
    for side in ("inputs", "outputs"):
        tensors: dict[str, int] = getattr(graph, side)
        names = sorted(entry["name"] for entry in facts[side])
        known = {name: name for name in names if name in tensors} if ends is None else getattr(ends, side)
        same = all(theirs == ours for ours, theirs in known.items())
        if same or set(known) != set(names) or set(known.values()) != set(tensors):
            compared.append(_compared(f"names of {side}", names, sorted(tensors)))
        else:
            compared += [_compared(f"name of {side[:-1]} {name}", name, known[name], named=True) for name in names]
        for entry in facts[side]:
            if entry["name"] in known and entry["shape"] is not None:
                tensor = graph.tensors[tensors[known[entry["name"]]]]
                expected = [1 if length is None else length for length in entry["shape"]]
                # What an output has there, only a run tells; an input says what is taken.
                open_ends = tensor.free if side == "outputs" and len(expected) == len(tensor.shape) else ()
                found = [expected[at] if at in open_ends else length for at, length in enumerate(tensor.shape)]
                compared.append(_compared(f"shape of {side[:-1]} {entry['name']}", expected, found))
    return compared


def changes(compared: list[dict[str, Any]]) -> list[str]:
    """The rows that pass though the file differs, in words."""
    return [f"changed: {row['what']}: {row['found']}" for row in compared if row["passed"] and row["expected"] != row["found"]]


def _compared(what: str, expected: Any, found: Any, *, named: bool = False) -> dict[str, Any]:
    """`named`: another name is a change, not a fault."""
    return {"what": what, "expected": expected, "found": found, "passed": named or expected == found}
