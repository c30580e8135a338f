"""The primary metric of every variant against the original network, on the same samples: drop, interval, test."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from pipeline.evaluation import spreads, statistics, studentized, tasks
from pipeline.evaluation.accuracy_report import Comparison
from pipeline.evaluation.metric_type import Metric, Undefined, figure
from pipeline.evaluation.studentized import Spread
from pipeline.evaluation.tasks import Evidence

SCORE = "score interval and test for paired proportions (Tango 1998)"
EXACT = "Student's t on DeLong's standard error"
STUDENT = "Student's t on the larger of jackknife and bootstrap standard error"
# Outputs that differ by no more than this share of the largest are the same but for rounding in float32, whose step is 2^-23,
# accumulated over some layers; float16 (2^-11) and 16-bit integers (2^-16) are above it.
_ROUNDING = 2.0**-17


class Compared(NamedTuple):
    """A comparison for each variant, and how many different ones an interval has to hold for at once."""

    rows: dict[str, Comparison]
    comparisons: int


class _Found(NamedTuple):
    """What is known of one variant before the number of comparisons is: `interval` is (level) to both ends, `detectable` (alpha) to
    a drop, and `key` tells apart what the samples add to the drop."""

    fields: dict[str, Any]
    key: bytes
    interval: Callable[[float], tuple[float, float]]
    detectable: Callable[[float], float | None]


def compare(
    metric: Metric,
    options: Mapping[str, Any],
    original: Evidence | Undefined,
    variants: Mapping[str, Evidence | Undefined],
    *,
    level: float,
    resamples: int,
    seed: int,
) -> Compared:
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
        (Bonferroni). Variants to whose drop each sample adds the same are one comparison, as choosing among them is no choice;
        one whose scores are the original's but for rounding in float32 is none.
    """
    known: dict[str, Evidence] = {}
    rows: dict[str, Comparison] = {}
    for name, evidence in variants.items():
        undefined = _undefined(metric, options, original, evidence)
        if undefined is None:
            known[name] = evidence  # type: ignore[assignment]
        else:
            rows[name] = _row(reason=undefined)
    if not known:
        return Compared({name: rows[name] for name in variants}, 0)
    assert not isinstance(original, Undefined)
    method = _by_decisions if metric.correct is not None else _by_contributions
    found = method(metric, options, original, known, resamples=resamples, seed=seed)
    rows |= {name: reason for name, reason in found.items() if isinstance(reason, Comparison)}
    measured = {name: one for name, one in found.items() if isinstance(one, _Found)}
    counted = {name: one for name, one in measured.items() if not _same(original, known[name])}
    tests = {one.key: one.fields["p_value"] for one in counted.values()}
    adjusted = statistics.holm(tests)
    each = 1 - (1 - level) / max(1, len(tests))
    for name, one in measured.items():
        beside = each if name in counted else level
        rows[name] = _row(
            **one.fields,
            interval=one.interval(level),
            simultaneous=one.interval(beside),
            p_holm=adjusted[one.key] if name in counted else one.fields["p_value"],
            detectable=one.detectable(1 - beside),
        )
    return Compared({name: rows[name] for name in variants}, len(tests))


def of_candidate(
    before: Mapping[str, np.ndarray],
    after: Mapping[str, np.ndarray],
    labels: Mapping[str, np.ndarray],
    inputs: Mapping[str, np.ndarray],
    *,
    metric: Metric,
    metric_options: Mapping[str, Any],
    task_type: str,
    options: Mapping[str, Any],
    output: str | None,
    target: str | None,
    level: float | None,
    resamples: int,
) -> tuple[float | None, float | None]:
    """What one candidate of a search loses by the rule that finished variants are chosen by, on the first of the search's samples.

    Args:
        before, after: outputs of the original and of the candidate by name, [k, ...]: of the first k samples.
        labels: by name, [n, ...] with n >= k.
        inputs: of the network by name, [n, ...].
        metric, metric_options: a row of the metrics, and its options.
        task_type, options, output, target: of the head, as `tasks.evidence` takes them.
        level: of the interval; None: no interval is asked for.
        resamples: of the bootstrap.

    Returns:
        The drop, positive when worse, and the upper end of its interval; None where they are undefined or not asked for.

    Raises:
        UserError: when names, shapes or labels do not fit.
    """
    k = len(next(iter(after.values())))
    first_labels, first_inputs = ({name: array[:k] for name, array in arrays.items()} for arrays in (labels, inputs))
    head: dict[str, Any] = {"options": options, "output": output, "target": target}
    original, candidate = (tasks.evidence(task_type, first_labels, found, first_inputs, **head) for found in (before, after))
    if level is None:
        figures = [tasks.measure({"": (metric, metric_options)}, found)["metrics"][""] for found in (original, candidate)]
        drop = None if None in figures else figures[0] - figures[1]
        return drop if drop is None or metric.higher_is_better else -drop, None
    row = compare(metric, metric_options, original, {"": candidate}, level=level, resamples=resamples, seed=0).rows[""]
    return row.drop, None if row.interval is None else row.interval[1]


def _same(original: Evidence, variant: Evidence) -> bool:
    before, after = original[1], variant[1]
    return bool(np.abs(after - before).max() <= _ROUNDING * np.abs(before).max())


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
    metric: Metric, options: Mapping[str, Any], original: Evidence, variants: Mapping[str, Evidence], **_: Any
) -> dict[str, _Found | Comparison]:
    """A share of right decisions: what counts is which samples changed sides."""
    assert metric.correct is not None
    before = metric.correct(*original, **options)
    return {name: _counted(before, metric.correct(*evidence, **options)) for name, evidence in variants.items()}


def _counted(before: np.ndarray, after: np.ndarray) -> _Found:
    n, lost, won = len(before), int((before & ~after).sum()), int((~before & after).sum())
    fields = {"drop": (lost - won) / n, "lost": lost, "won": won, "method": SCORE}
    return _Found(
        {**fields, "p_value": statistics.score_p_value(lost, won)},
        (before.astype(np.int8) - after).tobytes(),
        lambda level: statistics.score_interval(lost, won, n, level=level),
        lambda alpha: statistics.detectable(won, n, alpha=alpha),
    )


def _by_contributions(
    metric: Metric,
    options: Mapping[str, Any],
    original: Evidence,
    variants: Mapping[str, Evidence],
    *,
    resamples: int,
    seed: int,
) -> dict[str, _Found | Comparison]:
    """Any other figure: how it varies from sample to sample."""
    sign = 1.0 if metric.higher_is_better else -1.0
    baseline = metric.compute(*original, **options)
    spread_of = spreads.of_drops(metric, options, original, variants, resamples=resamples, seed=seed)
    rows: dict[str, _Found | Comparison] = {}
    for name, evidence in variants.items():
        drop, spread = float(sign * (baseline - metric.compute(*evidence, **options))), spread_of[name]
        if isinstance(spread, Undefined):
            rows[name] = _row(drop=drop, reason=str(spread))
        else:
            rows[name] = _varying(metric, drop, spread, n=len(original[1]))
    return rows


def _varying(metric: Metric, drop: float, spread: Spread, *, n: int) -> _Found:
    def interval(level: float) -> tuple[float, float]:
        return studentized.interval(drop, spread, n=n, share=metric.points, level=level)

    def detectable(alpha: float) -> float:
        # Half the width is how far the figure moves by chance alone: a smaller drop cannot be told from none.
        low, high = interval(1 - alpha)
        return (high - low) / 2

    largest = float(np.abs(spread.contributions).max())
    shape = np.round(spread.contributions / largest, 9) if largest > 0 else spread.contributions
    return _Found(
        {
            "drop": drop,
            "p_value": studentized.p_value(drop, spread, n=n, share=metric.points),
            "method": STUDENT if metric.spread is None else EXACT,
        },
        f"{drop:.9e} {largest:.9e} ".encode() + (shape + 0.0).tobytes(),  # + 0.0: no -0.0
        interval,
        detectable,
    )
