from typing import Any

import msgspec
import pytest

from pipeline.mixed_precision import phrases
from tests.mixed_precision.test_record import IMPROVEMENT, RESULT, read


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({}, "15,144 bytes, 3.0 dB"),
        ({"drop": 0.00667}, "15,144 bytes, drop 0.0067, 3.0 dB"),
        ({"drop": 0.00667, "drop_high": 0.0151}, "15,144 bytes, drop 0.0067 (upper end 0.0151), 3.0 dB"),
        ({"drop": -0.1, "sqnr_db": None}, "15,144 bytes, drop -0.1000, no noise"),
    ],
)
def test_figures(row: dict[str, Any], said: str) -> None:
    assert phrases.figures(msgspec.structs.replace(read(RESULT).figures, **row)) == said


@pytest.mark.parametrize(
    ("budget", "said"),
    [
        ({"max_drop": 0.01, "min_sqnr_db": None}, "upper end of the drop at most 0.01"),
        ({"max_drop": 0.01, "min_sqnr_db": None, "drop_bound": "estimate"}, "drop at most 0.01"),
        ({"max_drop": None, "min_sqnr_db": 30.0}, "at least 30 dB"),
        ({"max_drop": 0.0, "min_sqnr_db": 27.5}, "upper end of the drop at most 0 and at least 27.5 dB"),
    ],
)
def test_the_budget(budget: dict[str, Any], said: str) -> None:
    assert phrases.budget(msgspec.structs.replace(read(RESULT).asked, **budget)) == said


def test_a_budget_that_was_kept() -> None:
    assert phrases.met(read(RESULT)) == "searches.mixed: 15,144 bytes, 3.0 dB after 7 steps"
    assert phrases.met(read({**RESULT, "finished": False})).endswith("after 7 steps, which ran out")


def test_a_budget_that_was_missed_with_what_helps() -> None:
    said = phrases.missed(read({**RESULT, "met": False, "figures": IMPROVEMENT}), kept_in="B.json")
    assert said == (
        "searches.mixed: nothing tried in 7 steps keeps the budget (at least 30 dB); the best so far has 15,144 bytes, 3.0 dB "
        "and is kept in B.json; relax the budget, or add float32 or static_wi8_ai16 to choices"
    )
    assert phrases.missed(read({**RESULT, "finished": False}), kept_in="B.json").endswith("relax the budget, or raise steps")


def test_too_few_tuning_samples_before_anything_is_tried() -> None:
    asked = msgspec.structs.replace(read(RESULT).asked, max_drop=0.01)
    assert phrases.too_few(asked, search="mixed", n=150, needed=657) == (
        "searches.mixed: 150 tuning samples are too few to keep a budget of 0.01 (drop_bound: simultaneous) even when no "
        "decision changes; take 657 in data.splits.tuning, raise max_drop, or set searches.mixed.drop_bound to estimate, whose "
        "result select may then refuse"
    )
    assert "no number of tuning samples keeps a budget of 0 " in phrases.too_few(
        msgspec.structs.replace(asked, max_drop=0.0), search="mixed", n=150, needed=None
    )
