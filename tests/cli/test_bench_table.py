import dataclasses

from pipeline.cli import bench_table
from pipeline.cli.bench_table import Case, Goal

SLOWER = Goal(name="slower", what="ours", rival="theirs", unit="s", bound="at most", limit=1.3, moonshot=0.5)
FASTER = Goal(name="faster", what="ours", rival="theirs", unit="s", bound="at least", limit=3, faster=True)
RATE = Goal(name="rate", what="ours", rival="theirs", unit="samples/s", bound="at least", limit=0.9)


def test_the_ratio_is_that_of_the_medians() -> None:
    case = Case(here=[2.0, 100.0, 2.2], other=[1.0, 2.0, 0.1])
    assert bench_table.ratio(SLOWER, case) == 2.2
    assert bench_table.ratio(FASTER, case) == 1 / 2.2


def test_at_most_is_met_up_to_the_limit() -> None:
    assert bench_table.met(SLOWER, Case([1.3], [1.0]))
    assert not bench_table.met(SLOWER, Case([1.3001], [1.0]))


def test_at_least_is_met_from_the_limit_on() -> None:
    assert bench_table.met(FASTER, Case([1.0], [3.0]))
    assert not bench_table.met(FASTER, Case([1.0], [2.9999]))
    assert bench_table.met(RATE, Case([90.0], [100.0]))
    assert not bench_table.met(RATE, Case([89.9], [100.0]))


def test_a_fault_misses_the_goal_whatever_the_ratio() -> None:
    case = Case([1.0], [2.0], fault="evaluate ran, too")
    assert not bench_table.met(SLOWER, case)
    assert bench_table.row(SLOWER, [case]).endswith("| missed: evaluate ran, too |")


def test_the_worst_case_is_the_slowest_whichever_way_the_goal_looks() -> None:
    quick, slow = Case([1.0], [2.0], "quick"), Case([2.0], [2.0], "slow")
    assert bench_table.worst(SLOWER, [quick, slow]).label == "slow"
    assert bench_table.worst(FASTER, [quick, slow]).label == "slow"
    assert bench_table.worst(RATE, [quick, slow]).label == "quick"  # figures of a rate: more is better
    faulty = dataclasses.replace(quick, fault="some")
    assert bench_table.worst(SLOWER, [faulty, slow]) is faulty


def test_a_row_shows_medians_spreads_goal_and_verdict() -> None:
    cells = bench_table.row(SLOWER, [Case([1.92, 1.85, 2.1], [1.4, 1.41, 1.39])])
    assert cells == (
        "| ours, against theirs | 1.92 s (1.85–2.10) | 1.40 s (1.39–1.41) | 1.37 | at most 1.3 (moonshot 0.5) | missed |"
    )
    cells = bench_table.row(RATE, [Case([1234.5], [1250.0], "int8"), Case([99.0], [100.0], "float32")])
    assert cells == (
        "| ours (worst: int8), against theirs | 1,234 samples/s (1,234–1,234) | 1,250 samples/s (1,250–1,250) | 0.99 "
        "| at least 0.9 | met |"
    )
    assert [line.count("|") for line in [*bench_table.HEAD.splitlines(), cells]] == [7, 7, 7]


def test_the_details_are_those_of_goals_with_several_cases() -> None:
    several = [Case([0.03], [0.02], "gate", note="imports NumPy"), Case([0.02], [0.02], "verify")]
    assert bench_table.details([(SLOWER, [Case([1.0], [1.0])]), (FASTER, several)]) == [
        "faster: gate: 0.030 s (0.030–0.030) / 0.020 s (0.020–0.020), ratio 0.67; imports NumPy",
        "faster: verify: 0.020 s (0.020–0.020) / 0.020 s (0.020–0.020), ratio 1.00",
    ]


def test_the_goals_have_names_of_their_own() -> None:
    names = [goal.name for goal in bench_table.GOALS]
    assert len(set(names)) == len(names) == 13
