import numpy as np
import pytest

from pipeline.errors import UserError
from pipeline.evaluation.pick_one import only


def test_the_only_one_or_the_named_one() -> None:
    one, two = np.zeros(1), np.ones(1)
    assert only({"a": one}, None, where="x") is one
    assert only({"a": one, "b": two}, "b", where="x") is two


def test_several_without_a_name_and_unknown_names_are_refused() -> None:
    arrays = {"a": np.zeros(1), "b": np.ones(1)}
    with pytest.raises(UserError, match="x: there are several; name one of a, b"):
        only(arrays, None, where="x")
    with pytest.raises(UserError, match="x: unknown 'c'; allowed: a, b"):
        only(arrays, "c", where="x")
