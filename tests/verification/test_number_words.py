import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.verification import number_words


@given(st.floats(width=32, allow_nan=False), st.floats(width=32, allow_nan=False))
def test_two_numbers_look_different_exactly_when_they_are(one: float, other: float) -> None:
    first, second = number_words.distinct(one, other)
    assert (first != second) == (one != other or math.copysign(1, one) != math.copysign(1, other))


@pytest.mark.parametrize(
    ("found", "expected", "words"),
    [
        (1.5, 2.0, "found 1.5, expected 2"),
        (np.float32(-0.00958052), np.nextafter(np.float32(-0.00958052), np.float32(0)), "found -0.00958052, expected -0.009580519"),
        (math.nan, 1.0, "found nan, expected 1"),
        (3.0, 3.0, "found 3, expected 3"),
    ],
)
def test_words(found: float, expected: float, words: str) -> None:
    assert number_words.found_expected(found, expected) == words
