import pytest

from pipeline.evaluation.accuracy_report import Comparison
from pipeline.selection.phrases import amount, basis, lower, real, upper, verdict
from tests import records


def row(drop: float | None, low: float, high: float, *, p: float | None = None, detectable: float | None = 0.021) -> Comparison:
    return records.comparison(
        drop=drop, interval=(low, high), simultaneous=(low - 0.001, high + 0.001), p_holm=p, detectable=detectable
    )


@pytest.mark.parametrize(
    ("compared", "expected"),
    [
        (row(0.001, -0.002, 0.004, p=1.0), "no loss beyond 0.40 points (95 %; 0.50 for all 5 comparisons at once)"),
        (row(0.012, 0.007, 0.017, p=0.001), "loses 1.2 points, drop 0.70 to 1.7 (95 %)"),
        (row(-0.012, -0.017, -0.007, p=0.001), "gains 1.2 points, drop −1.7 to −0.70 (95 %)"),
        (row(0.01, -0.005, 0.025, p=0.3), "cannot tell: with 200 samples a drop below 2.1 points cannot be detected"),
        (row(0.01, -0.005, 0.025, p=0.3, detectable=None), "cannot tell: 200 samples are too few to see any drop"),
        # Significant alone, but not after the correction for several variants: it says so, beside an interval that leaves out 0.
        (
            row(0.008, 0.0014, 0.015, p=0.08),
            "cannot tell: loses 0.80 points, drop 0.14 to 1.5 (95 %) alone, but among 5 comparisons that may be chance",
        ),
        (
            records.comparison(reason="only one class among the labels"),
            "no figure: only one class among the labels",
        ),
    ],
)
def test_verdicts(compared: Comparison, expected: str) -> None:
    assert verdict(compared, n=200, points=True, level=0.95, tolerated=0.01, comparisons=5) == expected


def test_a_bound_that_needs_no_correction_is_said_once() -> None:
    one = records.comparison(drop=0.0, interval=(-0.004, 0.004), simultaneous=(-0.004, 0.004), p_holm=1.0)
    text = verdict(one, n=200, points=True, level=0.95, tolerated=0.01, comparisons=1)
    assert text == "no loss beyond 0.40 points (95 %)"


def test_in_the_metric_s_own_unit() -> None:
    text = verdict(row(3.25, 2.0, 4.5, p=0.01), n=50, points=False, level=0.9, tolerated=1.0, comparisons=1)
    assert text == "loses 3.2, drop 2.0 to 4.5 (90 %)"


def test_a_bound_is_rounded_up_so_that_it_holds_as_written() -> None:
    assert amount(0.00841, points=True) == "0.84"
    assert amount(0.00841, points=True, up=True) == "0.85"
    assert amount(0.00849, points=True, up=False) == "0.84"
    assert amount(0.0, points=True) == "0"
    assert amount(1234.0, points=False) == "1234"


def test_the_ends_of_an_interval_are_rounded_outwards_wherever_they_are_written() -> None:
    """Before: "−0.65 to 0.12" in the table beside "no loss beyond 0.13" in the verdict."""
    assert [lower(-0.00645, points=True), upper(0.00122, points=True)] == ["−0.65", "0.13"]
    assert [lower(0.00129, points=True), upper(-0.00122, points=True)] == ["0.12", "−0.12"]
    assert lower(0.0, points=True) == upper(0.0, points=True) == "0"
    compared = row(-0.002, -0.00645, 0.00122, p=1.0)
    assert "no loss beyond 0.13 points" in verdict(compared, n=9, points=True, level=0.95, tolerated=0.01, comparisons=2)


def test_a_drop_is_real_after_the_correction_only() -> None:
    assert real(row(0.01, 0.005, 0.02, p=0.04), level=0.95)
    assert not real(row(0.01, 0.0005, 0.02, p=0.06), level=0.95)
    assert not real(records.comparison(reason="x"), level=0.95)


def test_it_is_said_that_choice_and_figures_use_the_same_samples() -> None:
    assert "the same 450 evaluation samples; there was one comparison" in basis(n=450, bound="upper", comparisons=1)
    assert "right for all 5 comparisons at once" in basis(n=450, bound="simultaneous", comparisons=5)
    for bound in ("upper", "estimate"):
        assert "is not corrected for having chosen among 28 comparisons" in basis(n=450, bound=bound, comparisons=28)
