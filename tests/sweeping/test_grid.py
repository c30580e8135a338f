import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import UserError
from pipeline.sweeping import grid


def test_a_grid_becomes_hydra_s_choice_sweeps() -> None:
    written = {"quantization": ["[float32,int8]"], "calibrate.samples": [50, 200], "data.limit": [None, 5]}
    assert grid.overrides(written, source="x") == [
        "quantization=[float32,int8]",
        "calibrate.samples=50,200",
        "data.limit=null,5",
    ]


@pytest.mark.parametrize("written", [None, {}, ["a"], {"seed": 1}, {"seed": []}])
def test_a_grid_of_another_form_is_refused(written: Any) -> None:
    with pytest.raises(UserError, match="conf/x: expected lists of values by override"):
        grid.overrides(written, source="conf/x")


@given(st.dictionaries(st.sampled_from("abcd"), st.lists(st.integers(0, 9), min_size=1, max_size=3, unique=True), min_size=1))
def test_the_points_are_the_product_each_once(written: dict[str, list[int]]) -> None:
    found = grid.points(grid.overrides(written, source="x"), source="x")
    expected = set(itertools.product(*([f"{key}={value}" for value in values] for key, values in written.items())))
    assert len(found) == len(expected)
    assert set(found) == expected
    covering = grid.covering(found)
    assert {override for point in covering for override in point} == {override for point in found for override in point}
    assert len(covering) <= sum(map(len, written.values()))


def test_a_value_that_is_named_twice_is_one_point() -> None:
    assert grid.points(["seed=1,1,2"], source="-S") == [("seed=1",), ("seed=2",)]


@pytest.mark.parametrize("override", ["seed", "seed=[1", "seed=glob(*)"])
def test_what_hydra_cannot_read_is_said(override: str) -> None:
    with pytest.raises(UserError, match=r"^-S: .*; expected OPTION=VALUE,VALUE as `dvc exp run -S` takes it"):
        grid.points([override], source="-S")
