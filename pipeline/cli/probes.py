"""Inputs to run network and file on where there are no samples: they say where two graphs agree, never how well one does."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

# The brightest of 8 bits.
_PIXELS = 255.0
# Every so many integers of the second sample are the largest.
_LAST = 4
_LOOKUPS = ("GatherV2", "Gather", "ResourceGather", "EmbeddingLookup")


def draw(
    inputs: Sequence[Mapping[str, Any]], *, bound: int, length: int = 1, positions: bool = False, seed: int = 0
) -> list[dict[str, np.ndarray]]:
    """Two samples with a batch dimension: floats of the standard normal distribution, and between 0 and 255.

    Of integers the second holds the largest that are allowed.

    Args:
        inputs: of the signature: `name`, `shape` with None where free, `dtype`.
        bound: integers are below it.
        length: taken where one behind the batch is free.
        positions: floats are whole numbers below `bound`, too: some networks look up what floats say.
        seed: of the draw.
    """
    rng = np.random.default_rng(seed)
    found = []
    for wide in (False, True):
        sample = {}
        for entry in inputs:
            free = [1, *[length] * (len(entry["shape"]) - 1)]
            shape = [other if own is None else own for own, other in zip(entry["shape"], free, strict=False)]
            dtype = np.dtype(entry["dtype"])
            if dtype.kind != "f":
                most = 2 if dtype.kind == "b" else bound
                values = rng.integers(0, most, shape)
                # A row of a table that no sample reads may be out of a file's reach: the last is the first to be.
                last = np.logical_and(wide, np.arange(values.size) % _LAST == 0).reshape(shape)
                sample[entry["name"]] = np.where(last, most - 1, values).astype(dtype)
            elif positions:
                sample[entry["name"]] = rng.integers(0, bound, shape).astype(dtype)
            elif wide:
                sample[entry["name"]] = rng.uniform(0, _PIXELS, shape).astype(dtype)
            else:
                sample[entry["name"]] = rng.standard_normal(shape).astype(dtype)
        found.append(sample)
    return found


def bound(graph: Mapping[str, Any], constants: Mapping[str, np.ndarray], weights: Mapping[str, np.ndarray]) -> int:
    """The rows of the smallest table that the network looks something up in, by which integers are bound; 2 without one.

    Args:
        graph, constants: of `inference_graph.read`.
        weights: variables by path.
    """
    tables = {node["name"]: weights[node["path"]] for node in graph["nodes"] if node["op"] == "Variable"} | dict(constants)
    sizes = [
        len(tables[name])
        for node in graph["nodes"]
        if node["op"] in _LOOKUPS and (name := node["inputs"][0].split(":")[0]) in tables and tables[name].ndim
    ]
    return min(sizes, default=2)
