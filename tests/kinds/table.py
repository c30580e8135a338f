"""The whole table: every kind, and what becomes of it."""

import multiprocessing
import os
from collections.abc import Collection
from concurrent.futures import ProcessPoolExecutor

from tests.kinds import folding, kind, layers, models, operations
from tests.kinds.kind import Kind

KINDS: dict[str, Kind] = {row.name: row for row in (*layers.KINDS, *operations.KINDS, *folding.KINDS, *models.KINDS)}


def compute(names: Collection[str]) -> dict[str, dict[str, str]]:
    """`kind.outcomes` of the kinds of these names, by name, on all cores."""
    if len(names) < 4:
        return {name: _outcomes(name)[1] for name in names}
    # A process of its own each: TensorFlow's threads do not survive a fork, and one interpreter lock would serve one core.
    with ProcessPoolExecutor(os.cpu_count(), mp_context=multiprocessing.get_context("spawn")) as pool:
        return dict(pool.map(_outcomes, names))


def _outcomes(name: str) -> tuple[str, dict[str, str]]:
    return name, kind.outcomes(KINDS[name])
