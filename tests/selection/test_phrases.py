import pytest

from pipeline.evaluation.accuracy_report import Comparison
from pipeline.selection.phrases import amount, real, verdict
from tests import records


def row(drop: float | None, low: float, high: float, *, p: float | None = None, detectable: float | None = 0.021) -> Comparison:
    return records.comparison(
        drop=drop, interval=(low, high), simultaneous=(low - 0.001, high + 0.001), p_holm=p, detectable=detectable
    )


@pytest.mark.parametrize(
    ("compared", "expected"),
    [
        (row(0.001, -0.002, 0.004, p=1.0), "no loss beyond 0.40 points (95 %)"),
        (row(0.012, 0.007, 0.017, p=0.001), "loses 1.2 ± 0.50 points (95 %)"),
        (row(-0.012, -0.017, -0.007, p=0.001), "gains 1.2 ± 0.50 points (95 %)"),
        (row(0.01, -0.005, 0.025, p=0.3), "cannot tell: with 200 samples a drop below 2.1 points cannot be detected"),
        (row(0.01, -0.005, 0.025, p=0.3, detectable=None), "cannot tell: 200 samples are too few to see any drop"),
        # Significant alone, but not after the correction for several variants.
        (row(0.02, 0.001, 0.039, p=0.08), "cannot tell: with 200 samples a drop below 2.1 points cannot be detected"),
        (
            records.comparison(reason="only one class among the labels"),
            "no figure: only one class among the labels",
        ),
    ],
)
def test_verdicts(compared: Comparison, expected: str) -> None:
    assert verdict(compared, n=200, points=True, level=0.95, tolerated=0.01) == expected


def test_in_the_metric_s_own_unit() -> None:
    text = verdict(row(3.25, 2.0, 4.5), n=50, points=False, level=0.9, tolerated=1.0)
    assert text == "loses 3.2 ± 1.2 (90 %)"


def test_a_bound_is_rounded_up_so_that_it_holds_as_written() -> None:
    assert amount(0.00841, points=True) == "0.84"
    assert amount(0.00841, points=True, up=True) == "0.85"
    assert amount(0.0, points=True) == "0"
    assert amount(1234.0, points=False) == "1234"


def test_without_a_test_the_simultaneous_interval_decides() -> None:
    assert real(row(0.01, 0.005, 0.02), level=0.95)
    assert not real(row(0.01, 0.0005, 0.02), level=0.95)
