"""How the drop of each variant varies from sample to sample, where decisions are not what is counted."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from pipeline.evaluation import statistics, studentized
from pipeline.evaluation.metric_type import Metric, Undefined, figure
from pipeline.evaluation.studentized import Spread
from pipeline.evaluation.tasks import Evidence


def of_drops(
    metric: Metric,
    options: Mapping[str, Any],
    original: Evidence,
    variants: Mapping[str, Evidence],
    *,
    resamples: int,
    seed: int,
) -> dict[str, Spread | Undefined]:
    """The spread of each variant's drop, or why there is none.

    Args:
        metric: of which the drop is; its own `spread` where it has one, else jackknife and bootstrap.
        options: its options.
        original, variants: labels and scores.
        resamples, seed: of the bootstrap, the same resamples for all.
    """
    if metric.spread is not None:
        return {name: _known(metric, options, original, evidence) for name, evidence in variants.items()}
    n = len(original[1])
    if n < 2:
        return dict.fromkeys(variants, Undefined("one sample: too few"))
    sign = 1.0 if metric.higher_is_better else -1.0

    def drops(blocks: Iterable[np.ndarray]) -> dict[str, np.ndarray]:
        found: dict[str, list[np.ndarray]] = {name: [] for name in variants}
        for counts in blocks:
            before = _resampled(metric, options, original, counts)
            for name, evidence in variants.items():
                found[name].append(sign * (before - _resampled(metric, options, evidence, counts)))
        return {name: np.concatenate(parts) for name, parts in found.items()}

    without, drawn = drops(studentized.left_out(n)), drops(statistics.resamples(n, count=resamples, seed=seed))
    return {name: _spread(without[name], drawn[name], n=n) for name in variants}


def _known(metric: Metric, options: Mapping[str, Any], original: Evidence, variant: Evidence) -> Spread | Undefined:
    assert metric.spread is not None
    try:
        return metric.spread(original[0], original[1], variant[1], **options)
    except Undefined as reason:
        return reason


def _spread(without: np.ndarray, drawn: np.ndarray, *, n: int) -> Spread | Undefined:
    known = drawn[~np.isnan(drawn)]
    if np.isnan(without).any() or len(known) < max(2, 0.95 * len(drawn)):
        return Undefined("more than 1 in 20 resamples had no figure: too few samples")
    return studentized.widened(studentized.jackknife(without), float(known.std(ddof=1)) * float(np.sqrt(n / (n - 1))))


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
