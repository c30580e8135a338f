"""The figures of one variant, gathered from the reports into the row that reports/metrics.json and the page show."""

import math
from collections.abc import Callable

from pipeline.evaluation import statistics
from pipeline.evaluation.accuracy_report import Accuracy, Comparison
from pipeline.micro.simulation_report import Simulation
from pipeline.selection.metrics_report import Row
from pipeline.verification.verify_report import VerifyReport


def row(accuracy: Accuracy, verified: VerifyReport, *, bytes: int | None, simulated: Simulation | None = None) -> Row:
    """One variant's row.

    Args:
        accuracy: reports/accuracy.json.
        verified: reports/verify/V.json.
        bytes: of the file; None when it could not be built.
        simulated: reports/simulate/V.json, where a target has run it.

    Returns:
        `verified`, `bytes`, `n`, fidelity of the worst output (`sqnr_db`, `max_abs_error`, `agreement`), and with labels the
        primary metric under its own name, `baseline`, `drop`, `drop_low`, `drop_high` and `p_value`. What is undefined is None.
        All else that is known of accuracy stands in reports/accuracy.json: DVC makes a column of each figure here.
        With a target `on_target` (it runs there to the same results), `target_steps` (how far its integer outputs are from
        those that accuracy was measured on, which XNNPACK rounds in another way), `arena_bytes` and `arena_persistent_bytes`.
    """

    def worst(name: str, pick: Callable[[list[float]], float]) -> float | None:
        found = [getattr(output, name) for output in verified.outputs.values()]
        known = [value for value in found if value is not None]
        return pick(known) if known else None

    figures: Row = {
        "verified": verified.passed,
        "bytes": bytes,
        "n": accuracy.n,
        "sqnr_db": worst("sqnr_db", min),
        "max_abs_error": worst("max_abs_error", max),
        "agreement": worst("agreement", min),
        "drop": None,
    }
    if simulated is not None:
        arena, steps = simulated.arena, [end.judged.largest for end in simulated.outputs.values() if end.unit == "steps"]
        figures |= {
            "on_target": simulated.passed,
            "target_steps": max(steps, default=None),
            "arena_bytes": None if arena is None else arena.bytes,
            "arena_persistent_bytes": None if arena is None else arena.persistent_bytes,
        }
    if accuracy.labelled:
        measured = accuracy.variants.get(verified.variant)  # None of one that could not be run
        low, high = (None, None) if measured is None or measured.interval is None else measured.interval
        figures |= {
            accuracy.primary_metric: None if measured is None else measured.metrics[accuracy.primary_metric],
            "baseline": accuracy.baseline(),
            "drop": None if measured is None else measured.drop,
            "drop_low": low,
            "drop_high": high,
            "p_value": None if measured is None else measured.p_value,
        }
    return figures


def bound(measured: Comparison, which: str) -> float | None:
    """What is compared with the budget: "estimate", or the upper end of the "upper" or "simultaneous" interval."""
    if which == "estimate":
        return measured.drop
    interval = {"upper": measured.interval, "simultaneous": measured.simultaneous}[which]
    return None if interval is None else interval[1]


def needed(accuracy: Accuracy, name: str, which: str, *, budget: float) -> int | None:
    """How many evaluation samples would keep the budget if what a variant changes stayed as seen.

    Of counted decisions Tango's interval says it; elsewhere the distance from the drop to its upper end falls as 1 / sqrt(n).

    Args:
        accuracy: reports/accuracy.json, with labels.
        name: of the variant.
        which: as in `bound`.
        budget: of the drop.

    Returns:
        It; None where no number would do: the drop itself is over the budget, or nothing is known of it.
    """
    measured = accuracy.variants[name]
    high = bound(measured, which)
    if which == "estimate" or measured.drop is None or high is None or measured.drop >= budget:
        return None
    if measured.lost is not None and measured.won is not None:
        level = accuracy.level(name) if which == "simultaneous" else accuracy.confidence
        return statistics.fewest(budget, level=level, lost=measured.lost, won=measured.won, n=accuracy.n)
    return math.ceil(accuracy.n * ((high - measured.drop) / (budget - measured.drop)) ** 2)
