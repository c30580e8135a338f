"""What a comparison says in words."""

import math

from pipeline.evaluation.accuracy_report import Comparison


def amount(value: float, *, points: bool, up: bool = False) -> str:
    """A difference that is not negative, with two significant digits: in percentage points, or in the metric's own unit.

    Args:
        value: the difference.
        points: it is a share: multiply by 100.
        up: round up, for a bound that has to hold as it is written.
    """
    shown = 100 * value if points else value
    if shown == 0:
        return "0"
    digits = max(0, 1 - math.floor(math.log10(shown)))
    scaled = shown * 10**digits
    return f"{(math.ceil(scaled - 1e-9) if up else round(scaled)) / 10**digits:.{digits}f}"


def verdict(compared: Comparison, *, n: int, points: bool, level: float, tolerated: float) -> str:
    """One sentence on one variant.

    Args:
        compared: of `paired_comparison.compare`.
        n: samples.
        points: speak of percentage points.
        level: of confidence.
        tolerated: a drop below it is nothing to speak of.

    Returns:
        "no loss beyond ...", "loses ...", "gains ...", "cannot tell: ...", or why there is no figure.
    """
    if compared.drop is None or compared.interval is None:
        return f"no figure: {compared.reason}"
    unit, sure = " points" if points else "", f"({100 * level:g} %)"
    low, high = compared.interval
    if real(compared, level=level):
        loss = f"{amount(abs(compared.drop), points=points)} ± {amount((high - low) / 2, points=points)}{unit} {sure}"
        return f"loses {loss}" if compared.drop > 0 else f"gains {loss}"
    if high <= tolerated:
        return f"no loss beyond {amount(max(high, 0.0), points=points, up=True)}{unit} {sure}"
    if compared.detectable is None:
        return f"cannot tell: {n} samples are too few to see any drop"
    return f"cannot tell: with {n} samples a drop below {amount(compared.detectable, points=points)}{unit} cannot be detected"


def real(compared: Comparison, *, level: float) -> bool:
    """Whether a difference is real after the correction for several variants: by the test where there is one, else by the
    simultaneous interval leaving out zero."""
    if compared.p_holm is not None:
        return compared.p_holm <= 1 - level
    if compared.simultaneous is None:
        return False
    low, high = compared.simultaneous
    return low > 0 or high < 0
