"""Inputs and outputs of a file beside those of the network."""

from collections.abc import Mapping
from typing import Any

from pipeline.tflite.flatbuffer import Graph


def rows(graph: Graph, facts: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A row for the key and for each tensor: `what`, `expected`, `found`, `passed`.

    Args:
        graph: the file in question.
        facts: `signature` of models/source.json: `key`, `inputs` and `outputs` with `name`, `shape`, `dtype`.
    """
    compared = [_compared("signature key", facts["key"], graph.signature)]
    for side in ("inputs", "outputs"):
        tensors = getattr(graph, side)
        names = sorted(entry["name"] for entry in facts[side])
        compared.append(_compared(f"names of {side}", names, sorted(tensors)))
        for entry in facts[side]:
            if entry["name"] in tensors:
                shape = list(graph.tensors[tensors[entry["name"]]].shape)
                free = [1 if length is None else length for length in entry["shape"]]
                compared.append(_compared(f"shape of {side[:-1]} {entry['name']}", free, shape))
    return compared


def _compared(what: str, expected: Any, found: Any) -> dict[str, Any]:
    return {"what": what, "expected": expected, "found": found, "passed": expected == found}
