"""The primary metric of every variant against the original network, on the same samples: drop, interval, test."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from msgspec.structs import replace

from pipeline.evaluation import statistics
from pipeline.evaluation.accuracy_report import Comparison
from pipeline.evaluation.metric_type import Metric, Undefined, figure
from pipeline.evaluation.tasks import Evidence

SCORE = "score interval for paired proportions (Tango 1998)"
BOOTSTRAP = "paired bootstrap, percentiles"


def compare(
    metric: Metric,
    options: Mapping[str, Any],
    original: Evidence | Undefined,
    variants: Mapping[str, Evidence | Undefined],
    *,
    level: float,
    resamples: int,
    seed: int,
) -> dict[str, Comparison]:
    """For each variant how much it loses, and how sure that is.

    Args:
        metric: the primary one.
        options: its options.
        original: labels and scores of the original network, or why there are none.
        variants: the same of each variant.
        level: of confidence, such as 0.95.
        resamples: of the bootstrap.
        seed: of the bootstrap.

    Returns:
        For each variant its comparison: `interval` is at `level`, `simultaneous` the interval at which all variants' hold together
        (Bonferroni).
    """
    known: dict[str, Evidence] = {}
    rows: dict[str, Comparison] = {}
    for name, evidence in variants.items():
        undefined = _undefined(metric, options, original, evidence)
        if undefined is None:
            known[name] = evidence  # type: ignore[assignment]
        else:
            rows[name] = _row(reason=undefined)
    if known:
        assert not isinstance(original, Undefined)
        each = 1 - (1 - level) / len(known)
        method = _by_decisions if metric.correct is not None else _by_bootstrap
        rows |= method(metric, options, original, known, levels=(level, each), resamples=resamples, seed=seed)
        tested = {name: p_value for name in known if (p_value := rows[name].p_value) is not None}
        rows |= {name: replace(rows[name], p_holm=adjusted) for name, adjusted in statistics.holm(tested).items()}
    return {name: rows[name] for name in variants}


def _undefined(metric: Metric, options: Mapping[str, Any], *evidence: Evidence | Undefined) -> str | None:
    for one in evidence:
        if isinstance(one, Undefined):
            return str(one)
        try:
            figure(metric, *one, **options)
        except Undefined as reason:
            return str(reason)
    return None


def _row(**known: Any) -> Comparison:
    return Comparison(**{**dict.fromkeys(Comparison.__struct_fields__), **known})


def _by_decisions(
    metric: Metric,
    options: Mapping[str, Any],
    original: Evidence,
    variants: Mapping[str, Evidence],
    *,
    levels: tuple[float, float],
    **_: Any,
) -> dict[str, Comparison]:
    """A share of right decisions: what counts is which samples changed sides."""
    assert metric.correct is not None
    before = metric.correct(*original, **options)
    rows, n = {}, len(before)
    for name, evidence in variants.items():
        after = metric.correct(*evidence, **options)
        lost, won = int((before & ~after).sum()), int((~before & after).sum())
        rows[name] = _row(
            drop=(lost - won) / n,
            interval=statistics.score_interval(lost, won, n, level=levels[0]),
            simultaneous=statistics.score_interval(lost, won, n, level=levels[1]),
            method=SCORE,
            lost=lost,
            won=won,
            p_value=statistics.mcnemar(lost, won),
            detectable=statistics.detectable(won, n, alpha=1 - levels[1]),
        )
    return rows


def _by_bootstrap(
    metric: Metric,
    options: Mapping[str, Any],
    original: Evidence,
    variants: Mapping[str, Evidence],
    *,
    levels: tuple[float, float],
    resamples: int,
    seed: int,
) -> dict[str, Comparison]:
    """Any other figure: how it varies when the samples are drawn again, the same for both networks."""
    sign = 1.0 if metric.higher_is_better else -1.0
    drops: dict[str, list[np.ndarray]] = {name: [] for name in variants}
    for counts in statistics.resamples(len(original[1]), count=resamples, seed=seed):
        before = _resampled(metric, options, original, counts)
        for name, evidence in variants.items():
            drops[name].append(sign * (before - _resampled(metric, options, evidence, counts)))
    baseline = metric.compute(*original, **options)
    rows = {}
    for name, evidence in variants.items():
        values = np.concatenate(drops[name])
        interval, simultaneous = (statistics.percentile_interval(values, level=level) for level in levels)
        rows[name] = _row(
            drop=float(sign * (baseline - metric.compute(*evidence, **options))),
            interval=interval,
            simultaneous=simultaneous,
            method=BOOTSTRAP,
            # Half the width is how far the figure moves by chance alone: a smaller drop cannot be told from none.
            detectable=None if simultaneous is None else (simultaneous[1] - simultaneous[0]) / 2,
            reason=None if interval is not None else "more than 1 in 20 resamples had no figure: too few samples",
        )
    return rows


def _resampled(metric: Metric, options: Mapping[str, Any], evidence: Evidence, counts: np.ndarray) -> np.ndarray:
    if metric.resampled is not None:
        return metric.resampled(*evidence, counts, **options)
    labels, scores = evidence

    def of_rows(rows: np.ndarray) -> float:
        try:
            return figure(metric, labels[rows], scores[rows], **options)
        except Undefined:
            return np.nan

    return statistics.by_rows(of_rows, counts)
