"""The words follow the figures."""

import re

import pytest

from pipeline.reporting import calibration_advice


def say(stability: dict[str, float], pool: int = 200) -> str:
    return calibration_advice.advice(stability, samples=100, pool=pool, classes=None, by_class=None)


@pytest.mark.parametrize(
    ("stability", "pool", "expected"),
    [
        ({"a": 0.02, "b": 0.1}, 200, r"^Enough samples: between the two halves of the 100 no range changes by more than 10 %\.$"),
        (
            {"a": 0.02, "b": 0.11},
            200,
            r"^More samples may help: .* 1 of 2 ranges .* that of b by 11\.0 %; raise calibrate\.samples, .* 200\.$",
        ),
        (
            {"a": 0.3, "b": 0.26},
            200,
            r"^More samples are needed: .* 2 of 2 ranges .* that of a by 30\.0 %; raise calibrate\.samples",
        ),
        ({"a": 1.0}, 100, r"all of the pool is used: raise data\.splits\.calibration\.take, or add data\.$"),
        ({}, 100, r"^No tensor was measured\.$"),
    ],
)
def test_verdict(stability: dict[str, float], pool: int, expected: str) -> None:
    assert re.search(expected, say(stability, pool))


def test_names_classes_that_are_missing() -> None:
    text = calibration_advice.advice({"a": 0.0}, samples=10, pool=10, classes=["cat", "dog"], by_class={"cat": 10, "dog": 0})
    assert text.endswith(" The pool has no sample of dog.")
