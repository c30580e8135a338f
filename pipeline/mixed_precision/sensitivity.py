"""How much each operator suffers from each scheme when all others stay in float."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.mixed_precision.assignment_search import FLOAT, Assignment
from pipeline.mixed_precision.candidates import Unit
from pipeline.mixed_precision.record import Sensitivity


def alone(choices: Sequence[Sequence[str]]) -> list[dict[str, Assignment]]:
    """For each operator and scheme the assignment in which it alone is not float32."""
    nothing = (FLOAT,) * len(choices)
    return [{scheme: (*nothing[:i], scheme, *nothing[i + 1 :]) for scheme in unit} for i, unit in enumerate(choices)]


def noise(figures: Mapping[str, Any]) -> float:
    """Noise power as a share of the signal power; infinite when an output is not finite."""
    return float(figures["noise"]) if figures["finite"] else math.inf


def ranked(
    units: Sequence[Unit], figures: Sequence[Mapping[str, Mapping[str, Any]]], saving: Sequence[Mapping[str, float]]
) -> list[Sensitivity]:
    """A row for each operator and scheme, the most sensitive first, with Keras layers.

    Args:
        units: the operators.
        figures: of `candidates.measure` by scheme, for each operator.
        saving: what the scheme takes off the cost, for each operator.
    """
    rows = [
        Sensitivity(
            operator=unit.operator,
            tensor=unit.tensor,
            layers=tuple(unit.layers),
            scheme=scheme,
            noise=row["noise"],
            sqnr_db=row["sqnr_db"],
            saving=saved[scheme],
        )
        for unit, measured, saved in zip(units, figures, saving, strict=True)
        for scheme, row in measured.items()
        if scheme != FLOAT
    ]
    return sorted(rows, key=lambda row: (-math.inf if row.noise is None else -row.noise, row.tensor, row.scheme))
