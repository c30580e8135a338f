"""The primary metric of every variant against the original network, on the same samples: drop, interval, test."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from pipeline.evaluation import statistics
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
) -> dict[str, dict[str, Any]]:
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
        For each variant `drop`, `interval` at `level`, `simultaneous`: the interval at which all variants' hold together
        (Bonferroni), `method`, `lost` and `won` samples, exact McNemar `p_value` and the same after Holm, `p_holm`, and
        `detectable`: the smallest drop that could have been called real. What does not exist is None, and `reason` says why.
    """
    known: dict[str, Evidence] = {}
    rows: dict[str, dict[str, Any]] = {}
    for name, evidence in variants.items():
        undefined = _undefined(metric, options, original, evidence)
        if undefined is None:
            known[name] = evidence  # type: ignore[assignment]
        else:
            rows[name] = _row(reason=undefined)
    if known:
        assert not isinstance(original, Undefined)
        each = 1 - (1 - level) / len(known)
        judge = _by_decisions if metric.correct is not None else _by_bootstrap
        rows |= judge(metric, options, original, known, levels=(level, each), resamples=resamples, seed=seed)
        tested = {name: rows[name]["p_value"] for name in known if rows[name]["p_value"] is not None}
        for name, adjusted in statistics.holm(tested).items():
            rows[name]["p_holm"] = adjusted
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


def _row(**figures: Any) -> dict[str, Any]:
    names = ("drop", "interval", "simultaneous", "method", "lost", "won", "p_value", "p_holm", "detectable", "reason")
    return {**dict.fromkeys(names), **figures}


def _by_decisions(
    metric: Metric,
    options: Mapping[str, Any],
    original: Evidence,
    variants: Mapping[str, Evidence],
    *,
    levels: tuple[float, float],
    **_: Any,
) -> dict[str, dict[str, Any]]:
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
) -> dict[str, dict[str, Any]]:
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
            drop=sign * (baseline - metric.compute(*evidence, **options)),
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
