"""The whole table: every kind, and what becomes of it."""

import multiprocessing
import os
from collections.abc import Collection
from concurrent.futures import Future, ProcessPoolExecutor

from tests.kinds import folding, kind, layers, models, operations
from tests.kinds.kind import Kind

KINDS: dict[str, Kind] = {row.name: row for row in (*layers.KINDS, *operations.KINDS, *folding.KINDS, *models.KINDS)}


def compute(names: Collection[str]) -> dict[str, Future[dict[str, str]]]:
    """`kind.outcomes` of the kinds of these names, on all cores; what one of them raises is raised by its result."""
    # A process of its own each: TensorFlow's threads do not survive a fork, and one interpreter lock would serve one core.
    with ProcessPoolExecutor(os.cpu_count(), mp_context=multiprocessing.get_context("spawn")) as pool:
        return {name: pool.submit(_outcomes, name) for name in names}


def _outcomes(name: str) -> dict[str, str]:
    return kind.outcomes(KINDS[name])
