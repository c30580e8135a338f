"""Which variant to ship, and why not each other one."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """What the choice looks at.

    Attributes:
        verified: passed verification.
        drop: of the deciding metric; None without labels.
        bytes: of the file.
        latency_ms: median.
    """

    verified: bool
    drop: float | None
    bytes: int
    latency_ms: float


def choose(candidates: Mapping[str, Candidate], *, objective: str, max_drop: float) -> tuple[str | None, dict[str, str]]:
    """The best verified candidate within the budget.

    Args:
        candidates: by variant name.
        objective: "bytes" or "latency": what is to be smallest; ties go to the smaller drop, then to the name.
        max_drop: budget of the deciding metric.

    Returns:
        The name, or None when none qualifies, and a reason for every candidate.
    """

    def cost(candidate: Candidate) -> float:
        return candidate.bytes if objective == "bytes" else candidate.latency_ms

    unit = "bytes" if objective == "bytes" else "ms"
    reasons: dict[str, str] = {}
    qualified: dict[str, Candidate] = {}
    for name, candidate in candidates.items():
        if not candidate.verified:
            reasons[name] = "not verified"
        elif candidate.drop is not None and candidate.drop > max_drop:
            reasons[name] = f"drop {candidate.drop:.4f} is over the budget of {max_drop:.4f}"
        else:
            qualified[name] = candidate
    if not qualified:
        return None, reasons
    best = min(qualified, key=lambda name: (cost(qualified[name]), qualified[name].drop or 0.0, name))
    for name, candidate in qualified.items():
        behind = cost(candidate) - cost(qualified[best])
        if name == best:
            budget = (
                "no labels, so no budget to keep" if candidate.drop is None else f"drop {candidate.drop:.4f} within {max_drop:.4f}"
            )
            reasons[name] = f"smallest {objective} of {len(qualified)} that qualify: {cost(candidate):g} {unit}; {budget}"
        elif behind > 0:
            reasons[name] = f"{behind:g} {unit} more than {best}"
        else:
            reasons[name] = f"same {objective} as {best}, which loses no more"
    return best, reasons
