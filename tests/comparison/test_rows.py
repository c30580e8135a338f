import itertools
import shlex
from typing import Any

import pytest
from scipy.stats import binomtest

from pipeline.comparison import rows
from pipeline.comparison.experiments import Experiment, Reference
from pipeline.errors import UserError
from pipeline.selection.metrics_report import Metrics
from tests.made_experiments import figures

SHARE = rows.Kind(True, True, True)


def experiment(name: str = "e", selected: str | None = "int8", **variants: dict[str, Any]) -> Experiment:
    return Experiment(
        reference=Reference(name=name, commit=f"c-{name}", baseline="b"),
        params={"calibrate.samples": 100},
        primary_metric="accuracy",
        confidence=0.95,
        metrics=Metrics(selected=selected, conversion_verified=True, variants=variants),
        latency_md5=None,
    )


def test_a_row_has_its_own_variants_figures_and_no_other() -> None:
    one = experiment(float32=figures(bytes=7, sqnr_db=130.0), int8=figures(bytes=5, drop=0.1, arena_bytes=9))
    found = rows.rows([one], {"c-e": {"int8": 0.5}}, lambda _: SHARE)
    assert [(row.variant, row.bytes, row.sqnr_db, row.drop, row.latency_ms, row.arena_bytes, row.shipped) for row in found] == [
        ("float32", 7, 130.0, 0.002, None, None, False),
        ("int8", 5, 40.0, 0.1, 0.5, 9, True),
    ]
    assert found[1].figures == one.metrics.variants["int8"]


def test_only_the_variants_asked_for() -> None:
    found = [experiment(int8=figures(), int4=figures()), experiment("f", int8=figures())]
    assert [row.experiment for row in rows.rows(found, {}, lambda _: SHARE, variants=["int4"])] == ["e"]
    with pytest.raises(UserError, match="--variants: unknown 'int5'; allowed: int4, int8 in these experiments"):
        rows.rows(found, {}, lambda _: SHARE, variants=["int5"])


def test_a_variant_without_figures_is_a_row() -> None:
    lost = {"verified": False, "bytes": None, "n": 450, "sqnr_db": None, "drop": None}
    (row,) = rows.rows([experiment(int8=lost)], {}, lambda _: SHARE)
    assert (row.value, row.value_low, row.bytes, row.drop_low, row.verified) == (None, None, None, None, False)


@pytest.mark.parametrize(("right", "n", "level"), [(442, 450, 0.95), (0, 10, 0.95), (10, 10, 0.9), (1, 3, 0.99)])
def test_the_interval_of_a_share(right: int, n: int, level: float) -> None:
    expected = binomtest(right, n).proportion_ci(level, method="wilson")
    assert rows.wilson(right / n, n, level=level) == pytest.approx((expected.low, expected.high), abs=1e-12)
    (row,) = rows.rows([experiment(int8=figures(accuracy=right / n, n=n))], {}, lambda _: SHARE)
    assert row.value_low == pytest.approx(rows.wilson(right / n, n, level=0.95)[0])


def test_the_command_that_brings_an_experiment_back() -> None:
    assert rows.back("algorithms-0123abcd") == "make apply NAME=algorithms-0123abcd"
    assert shlex.split(rows.back("it's $(touch x); é")) == ["python", "-m", "pipeline.cli.apply", "it's $(touch x); é"]


def test_what_is_no_share_of_decisions_has_no_interval_of_its_own() -> None:
    (row,) = rows.rows([experiment(int8=figures())], {}, lambda _: rows.Kind(True, True, False))
    assert (row.value_low, row.value_high) == (None, None)
    assert (row.drop_low, row.drop_high) == (-0.004, 0.009)


def test_verified_first_then_smallest_then_least_drop() -> None:
    made = [
        experiment("small-unverified", int8=figures(bytes=1, verified=False)),
        experiment("none", int8=figures(bytes=None)),
        experiment("worse", int8=figures(bytes=5, drop=0.2)),
        experiment("better", int8=figures(bytes=5, drop=0.1)),
        experiment("smaller", int8=figures(bytes=4, drop=0.3)),
    ]
    for order in itertools.permutations(made):
        found = rows.ordered(rows.rows(order, {}, lambda _: SHARE), "bytes")
        assert [row.experiment for row in found] == ["smaller", "better", "worse", "none", "small-unverified"]
    assert rows.ordered(found, "drop")[0].experiment == "none"
    with pytest.raises(UserError, match="--sort: unknown 'size'; allowed: arena, bytes, drop, latency, sqnr"):
        rows.ordered(found, "size")
