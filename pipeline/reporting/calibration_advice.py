"""Is the calibration set good enough? A sentence from figures."""

from collections.abc import Mapping, Sequence

# An 8-bit range has 255 steps. A range that differs by 10 % between two halves costs at most 0.14 bits of them (log2 1.1) where it
# is too wide; by 25 % a third of a bit, or it clips.
STEADY, LOOSE = 0.10, 0.25


def advice(
    stability: Mapping[str, float], *, samples: int, pool: int, classes: Sequence[str] | None, by_class: Mapping[str, int] | None
) -> str:
    """Whether more calibration samples are needed.

    Args:
        stability: of each tensor, how far the ranges of two halves of the samples differ, 0 to 1 (`ranges.stability`).
        samples: that were used.
        pool: samples there are to use.
        classes: of the data, or None.
        by_class: samples of each class in the pool, or None.

    Returns:
        One or two sentences: a verdict with its figure, what to do, and which classes the pool lacks.
    """
    worst = max(stability, key=lambda name: (stability[name], name), default=None)
    if worst is None:
        return "No tensor was measured."
    share, count = stability[worst], sum(value > STEADY for value in stability.values())
    if share <= STEADY:
        text = f"Enough samples: between the two halves of the {samples} no range changes by more than {100 * STEADY:.0f} %."
    else:
        # A tensor's name lists all that was fused into it; the first is the operator itself.
        name = worst.split(";")[0]
        need = "More samples are needed" if share > LOOSE else "More samples may help"
        text = (
            f"{need}: between the two halves of the {samples}, {count} of {len(stability)} ranges change by more than "
            f"{100 * STEADY:.0f} %, that of {name} by {100 * share:.1f} %; "
        )
        text += (
            f"raise calibrate.samples, the pool holds {pool}."
            if pool > samples
            else "all of the pool is used: raise data.splits.calibration.take, or add data."
        )
    missing = [name for name in classes or [] if (by_class or {}).get(name, 0) == 0]
    if by_class is not None and missing:
        text += f" The pool has no sample of {', '.join(missing)}."
    return text
