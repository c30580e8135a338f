"""A row for each variant of each experiment: what it was made with, and the figures of that variant and no other."""

import math
import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, NamedTuple

from pipeline.comparison.experiments import Experiment
from pipeline.errors import one_of
from pipeline.selection.metrics_report import Figure


class Kind(NamedTuple):
    """What is known of a primary metric: lower values are better; it is a share of 1; it is the share of right decisions."""

    higher_is_better: bool
    points: bool
    counted: bool


@dataclass(frozen=True, kw_only=True)
class Row:
    """One variant of one experiment. A figure that there is not is None.

    Attributes:
        experiment: its name; `commit` and `baseline` in full.
        variant: its name.
        shipped: it is the one that this experiment chose.
        params: of the experiment, by dotted name.
        metric: name of the primary metric.
        value: of that metric, and the ends of its own interval, where it is a share of counted decisions (Wilson 1927).
        original: of the original network, on the same `n` samples.
        drop: of the variant against the original, and the ends of its paired interval.
        bytes: of the file.
        latency_ms: median.
        arena_bytes: of TensorFlow Lite Micro, where it is the target.
        figures: all of this variant in reports/metrics.json.
    """

    experiment: str
    commit: str
    baseline: str
    variant: str
    shipped: bool
    params: Mapping[str, Any]
    metric: str
    confidence: float
    value: float | None
    value_low: float | None
    value_high: float | None
    original: float | None
    n: int | None
    drop: float | None
    drop_low: float | None
    drop_high: float | None
    bytes: int | None
    sqnr_db: float | None
    verified: bool
    latency_ms: float | None
    arena_bytes: int | None
    figures: Mapping[str, Figure]


def rows(
    experiments: Sequence[Experiment],
    latency: Mapping[str, Mapping[str, float]],
    kind: Callable[[Experiment], Kind],
    *,
    variants: Sequence[str] = (),
) -> list[Row]:
    """The rows of the experiments, in their order.

    Args:
        experiments: of `experiments.read`.
        latency: median in milliseconds by variant, by the commit of an experiment; none of those whose file is not at hand.
        kind: what is known of the primary metric of an experiment.
        variants: only these; all when there is none.

    Raises:
        UserError: when no experiment has a variant of that name.
    """
    known = sorted({name for experiment in experiments for name in experiment.metrics.variants})
    for name in variants:
        one_of(name, known, where="--variants", hint=" in these experiments")
    return [
        _row(experiment, name, latency.get(experiment.reference.commit, {}).get(name), kind(experiment))
        for experiment in experiments
        for name in experiment.metrics.variants
        if not variants or name in variants
    ]


def _row(experiment: Experiment, name: str, latency_ms: float | None, kind: Kind) -> Row:
    figures = experiment.metrics.variants[name]
    value, n = _number(figures.get(experiment.primary_metric)), _whole(figures.get("n"))
    low, high = wilson(value, n, level=experiment.confidence) if kind.counted and value is not None and n else (None, None)
    return Row(
        experiment=experiment.reference.name,
        commit=experiment.reference.commit,
        baseline=experiment.reference.baseline,
        variant=name,
        shipped=name == experiment.metrics.selected,
        params=experiment.params,
        metric=experiment.primary_metric,
        confidence=experiment.confidence,
        value=value,
        value_low=low,
        value_high=high,
        original=_number(figures.get("baseline")),
        n=n,
        drop=_number(figures.get("drop")),
        drop_low=_number(figures.get("drop_low")),
        drop_high=_number(figures.get("drop_high")),
        bytes=_whole(figures.get("bytes")),
        sqnr_db=_number(figures.get("sqnr_db")),
        verified=figures.get("verified") is True,
        latency_ms=latency_ms,
        arena_bytes=_whole(figures.get("arena_bytes")),
        figures=figures,
    )


def wilson(share: float, n: int, *, level: float) -> tuple[float, float]:
    """The score interval of a share of n independent decisions (Wilson 1927)."""
    z2 = NormalDist().inv_cdf((1 + level) / 2) ** 2
    middle, half = share + z2 / (2 * n), math.sqrt(z2 * (share * (1 - share) + z2 / (4 * n)) / n)
    return max(0.0, (middle - half) / (1 + z2 / n)), min(1.0, (middle + half) / (1 + z2 / n))


def back(experiment: str) -> str:
    """The command that brings an experiment back into the workspace, where its name is safe in a shell and in make."""
    plain = re.fullmatch(r"[\w.-]+", experiment, re.ASCII)
    return f"make apply NAME={experiment}" if plain else f"python -m pipeline.cli.apply {shlex.quote(experiment)}"


# What rows are sorted by, the best first.
ORDERS: dict[str, Callable[[Row], float | None]] = {
    "bytes": lambda row: row.bytes,
    "drop": lambda row: row.drop,
    "sqnr": lambda row: None if row.sqnr_db is None else -row.sqnr_db,
    "latency": lambda row: row.latency_ms,
    "arena": lambda row: row.arena_bytes,
}


def ordered(found: Sequence[Row], by: str) -> list[Row]:
    """Sorted by one of `ORDERS`, then by the others in their order; what is not verified or has no figure comes last.

    Raises:
        UserError: when there is no such order.
    """
    first = ORDERS[one_of(by, ORDERS, where="--sort")]
    keys = [first, *(key for name, key in ORDERS.items() if name != by)]

    def place(row: Row) -> tuple[Any, ...]:
        return (not row.verified, *(_last(key(row)) for key in keys), row.variant, row.experiment)

    return sorted(found, key=place)


def _last(value: float | None) -> float:
    return math.inf if value is None else value


def _number(value: Figure) -> float | None:
    return None if value is None or isinstance(value, bool) else float(value)


def _whole(value: Figure) -> int | None:
    return None if value is None or isinstance(value, bool) else int(value)
