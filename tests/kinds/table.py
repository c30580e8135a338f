"""The whole table: every kind, and what becomes of it."""

import multiprocessing
import os
from collections.abc import Collection
from concurrent.futures import Future, ProcessPoolExecutor

from tests.kinds import folding, kind, layers, models, operations
from tests.kinds.kind import Kind

KINDS: dict[str, Kind] = {row.name: row for row in (*layers.KINDS, *operations.KINDS, *folding.KINDS, *models.KINDS)}

# Kinds of `make test`, a quarter of all; the others are slow together. The first row of each class of layer; what folds in its own
# way, but not every order of the same layers; networks that are more than a layer, with a batch of one.
QUICK = frozenset(
    [
        *{row.name.split()[0]: row.name for row in reversed(layers.KINDS)}.values(),
        *(row.name for row in folding.KINDS if " order " not in f" {row.name}"),
        *(row.name for row in models.KINDS if "free batch" not in row.name),
    ]
) - {row.name for row in KINDS.values() if row.slow}


def compute(names: Collection[str]) -> dict[str, Future[dict[str, str]]]:
    """`kind.outcomes` of the kinds of these names, on all cores; what one of them raises is raised by its result."""
    # A process of its own each: TensorFlow's threads do not survive a fork, and one interpreter lock would serve one core.
    with ProcessPoolExecutor(os.cpu_count(), mp_context=multiprocessing.get_context("spawn")) as pool:
        return {name: pool.submit(_outcomes, name) for name in names}


def _outcomes(name: str) -> dict[str, str]:
    return kind.outcomes(KINDS[name])
