"""What a comparison says in words."""

import math

from pipeline.evaluation.accuracy_report import Comparison


def amount(value: float, *, points: bool, up: bool | None = None) -> str:
    """A difference that is not negative, with two significant digits: in percentage points, or in the metric's own unit.

    Args:
        value: the difference.
        points: it is a share: multiply by 100.
        up: round up or down, for a bound that has to hold as it is written; None: to the nearest.
    """
    shown = 100 * value if points else value
    if shown == 0:
        return "0"
    digits = max(0, 1 - math.floor(math.log10(shown)))
    scaled = shown * 10**digits
    whole = round(scaled) if up is None else math.ceil(scaled - 1e-9) if up else math.floor(scaled + 1e-9)
    return f"{whole / 10**digits:.{digits}f}"


def lower(value: float, *, points: bool) -> str:
    """The lower end of an interval, with its sign, rounded outwards."""
    return f"{'−' if value < 0 else ''}{amount(abs(value), points=points, up=value < 0)}"


def upper(value: float, *, points: bool) -> str:
    """The upper end of an interval, with its sign, rounded outwards."""
    return f"{'−' if value < 0 else ''}{amount(abs(value), points=points, up=value > 0)}"


def verdict(compared: Comparison, *, n: int, points: bool, level: float, tolerated: float, comparisons: int) -> str:
    """One sentence on one variant, with the interval of its row; what the correction for several variants changes, it says.

    Args:
        compared: of `paired_comparison.compare`.
        n: samples.
        points: speak of percentage points.
        level: of confidence.
        tolerated: a drop below it is nothing to speak of.
        comparisons: how many there were.

    Returns:
        "no loss beyond ...", "loses ...", "gains ...", "cannot tell: ...", or why there is no figure.
    """
    if compared.drop is None or compared.interval is None or compared.simultaneous is None:
        return f"no figure: {compared.reason}"
    unit, sure = " points" if points else "", f"({100 * level:g} %)"
    low, high = compared.interval
    ends = f"{lower(low, points=points)} to {upper(high, points=points)}"
    moved = f"{'loses' if compared.drop > 0 else 'gains'} {amount(abs(compared.drop), points=points)}{unit}"
    if real(compared, level=level):
        return f"{moved}, drop {ends} {sure}"
    if high <= tolerated:
        alone, together = (upper(max(end, 0.0), points=points) for end in (high, compared.simultaneous[1]))
        sure = sure if alone == together else f"({100 * level:g} %; {together} for all {comparisons} comparisons at once)"
        return f"no loss beyond {alone}{unit} {sure}"
    if low > 0 or high < 0:
        return f"cannot tell: {moved}, drop {ends} {sure} alone, but among {comparisons} comparisons that may be chance"
    if compared.detectable is None:
        return f"cannot tell: {n} samples are too few to see any drop"
    return f"cannot tell: with {n} samples a drop below {amount(compared.detectable, points=points)}{unit} cannot be detected"


def real(compared: Comparison, *, level: float) -> bool:
    """Whether a difference is real after the correction for several variants."""
    return compared.p_holm is not None and compared.p_holm <= 1 - level


def basis(*, n: int, bound: str, comparisons: int) -> str:
    """What the choice among several variants does to the figures of the one chosen.

    Args:
        n: evaluation samples.
        bound: of the drop that was compared with the budget (`select.drop_bound`).
        comparisons: how many different ones there were.
    """
    same = f"The choice and these figures use the same {n} evaluation samples"
    if comparisons < 2:
        return f"{same}; there was one comparison, so having been chosen flatters none."
    if bound == "simultaneous":
        return f"{same}; what is held to the budget is right for all {comparisons} comparisons at once, so also for the one chosen."
    return (
        f"{same}, and what is held to the budget is not corrected for having chosen among {comparisons} comparisons: of variants "
        "just over it, one ships more often than the confidence says (select.drop_bound=simultaneous corrects for that)."
    )
