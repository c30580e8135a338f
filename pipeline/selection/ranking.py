"""Which variant to ship, and why not each other one."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from pipeline.selection.phrases import amount


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """What the choice looks at.

    Attributes:
        verified: passed verification.
        labelled: accuracy could be measured; without labels there is no budget to keep.
        value: of the primary metric; None without labels or when it is undefined.
        drop: of that metric, positive when worse; None where `value` is.
        bound: what is compared with the budget, the drop itself or an upper end of its interval.
        undefined: why there is no drop or bound, if so.
        needed: samples with which `bound` would keep the budget, all else being as seen; None: no number would.
        bytes: of the file.
        latency_ms: median.
        faults: other constraints that the file breaks, in words.
    """

    verified: bool
    labelled: bool
    value: float | None
    drop: float | None
    bound: float | None
    bytes: int
    latency_ms: float
    undefined: str | None = None
    needed: int | None = None
    faults: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Constraints:
    """What a candidate must keep; None does not constrain.

    Attributes:
        max_drop: budget of the primary metric.
        bound: what `Candidate.bound` is: "upper", "simultaneous" or "estimate".
        points: the metric is a share, spoken of in percentage points.
        max_bytes: of the file.
        max_latency_ms: median.
    """

    max_drop: float
    bound: str
    points: bool
    max_bytes: int | None
    max_latency_ms: float | None


# What is to be smallest, and how it is spoken of.
_OBJECTIVES: dict[str, tuple[Callable[[Candidate], float], str, str]] = {
    "bytes": (lambda candidate: candidate.bytes, "fewest bytes", "bytes"),
    "latency": (lambda candidate: candidate.latency_ms, "lowest latency on this machine", "ms"),
    "accuracy_per_byte": (lambda candidate: -(candidate.value or 0.0) / candidate.bytes, "most accuracy per byte", "per byte"),
}
_BOUND = {
    "upper": "the upper end of the drop's interval,",
    "simultaneous": "the upper end of the interval that holds for all variants at once,",
    "estimate": "the drop,",
}


def choose(candidates: Mapping[str, Candidate], constraints: Constraints, *, objective: str) -> tuple[str | None, dict[str, str]]:
    """The best candidate that keeps every constraint.

    Args:
        candidates: by variant name.
        constraints: what each must keep.
        objective: "bytes", "latency" or "accuracy_per_byte"; ties go to the smaller drop, then to the name.

    Returns:
        The name, or None when none qualifies, and a reason for every candidate.
    """
    cost, superlative, unit = _OBJECTIVES[objective]
    broken = {name: rejections(candidate, constraints, objective=objective) for name, candidate in candidates.items()}
    reasons = {name: "; ".join(faults) for name, faults in broken.items() if faults}
    qualified = {name: candidate for name, candidate in candidates.items() if not broken[name]}
    if not qualified:
        return None, reasons
    best = min(qualified, key=lambda name: (cost(qualified[name]), qualified[name].drop or 0.0, name))
    for name, candidate in qualified.items():
        behind = cost(candidate) - cost(qualified[best])
        if name == best:
            reasons[name] = f"{superlative} of the {len(qualified)} that qualify"
        elif behind > 0:
            reasons[name] = f"qualifies, but has {_by(behind, unit)} than {best}"
        else:
            reasons[name] = f"qualifies with the same {objective} as {best}, which loses no more"
    return best, {name: reasons[name] for name in candidates}


def rejections(candidate: Candidate, constraints: Constraints, *, objective: str) -> list[str]:
    """Every constraint that a candidate breaks, in words; none when it qualifies."""
    faults = [] if candidate.verified else ["not verified"]
    if candidate.labelled:
        budget = amount(constraints.max_drop, points=constraints.points)
        unit = " points" if constraints.points else ""
        if candidate.bound is None:
            faults.append(f"its drop is unknown: {candidate.undefined}")
        elif candidate.bound > constraints.max_drop:
            shown = amount(candidate.bound, points=constraints.points, up=True)
            more = "" if candidate.needed is None else f"; {candidate.needed:,} evaluation samples like these would keep it"
            faults.append(f"{_BOUND[constraints.bound]} {shown}{unit}, is over the budget of {budget}{unit}{more}")
    elif objective == "accuracy_per_byte":
        faults.append("no labels, so no accuracy per byte")
    if constraints.max_bytes is not None and candidate.bytes > constraints.max_bytes:
        faults.append(f"{candidate.bytes:,} bytes are over the ceiling of {constraints.max_bytes:,}")
    if constraints.max_latency_ms is not None and candidate.latency_ms > constraints.max_latency_ms:
        faults.append(f"{candidate.latency_ms:.3g} ms are over the ceiling of {constraints.max_latency_ms:g} ms on this machine")
    return [*faults, *candidate.faults]


def pareto(values: Mapping[str, tuple[float, float]]) -> list[str]:
    """The points that no other beats: none is at most as large in cost and at least as large in value, and better in one.

    Args:
        values: (cost, value) by name.

    Returns:
        Their names by rising cost; of equal points all.
    """
    front = [
        name
        for name, (cost, value) in values.items()
        if not any(c <= cost and v >= value and (c < cost or v > value) for c, v in values.values())
    ]
    return sorted(front, key=lambda name: (values[name][0], name))


def _by(behind: float, unit: str) -> str:
    return (
        f"{behind:,.0f} bytes more"
        if unit == "bytes"
        else f"{behind:.3g} ms more"
        if unit == "ms"
        else f"{behind:.3g} less accuracy per byte"
    )
