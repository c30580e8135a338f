from typing import Annotated, Any, Literal

import numpy as np
import pytest
from msgspec import Meta

from pipeline import options
from pipeline.errors import UserError


def step(  # type: ignore[no-untyped-def]
    sample: np.ndarray, *, height: Annotated[int, Meta(ge=1)], method: Literal["a", "b"] = "a", scale: float = 1.0, own=None
) -> np.ndarray:
    return sample


@pytest.mark.parametrize("given", [{"height": 3}, {"height": 3, "scale": 2}, {"height": 1, "method": "b", "own": object()}])
def test_what_fits(given: dict[str, Any]) -> None:
    options.check(step, given, name="step", where="here")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "here: step needs 'height'"),
        ({"height": 1, "heigth": 2}, "here: step takes no 'heigth'; allowed: height, method, own, scale"),
        ({"height": 0}, "here.height: got 0; expected a whole number .at least 1."),
        ({"height": "3"}, "here.height: got '3'; expected a whole number"),
        ({"height": 1, "method": "c"}, "here.method: got 'c'; expected 'a' or 'b'"),
        ({"height": 1, "inputs": "x"}, "here.inputs: got 'x'; a list of names of inputs is expected"),
    ],
)
def test_what_does_not(given: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        options.check_step(step, given, name="step", where="here")


def test_a_step_takes_inputs_and_a_reader_does_not() -> None:
    options.check_step(step, {"height": 1, "inputs": ["x"]}, name="step", where="here")
    with pytest.raises(UserError, match="takes no 'inputs'"):
        options.check(step, {"height": 1, "inputs": ["x"]}, name="step", where="here")
