from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import UserError
from pipeline.source.keras_common import named, reading


@pytest.mark.parametrize(
    ("structure", "names", "expected"),
    [
        (1, ["scores"], {"scores": 1}),
        (1, None, {"output": 1}),
        ([1, 2], ["kind", "age"], {"kind": 1, "age": 2}),
        ([1, 2], ["same", "same"], {"same": 1, "same_1": 2}),
        ((1, 2), None, {"output_0": 1, "output_1": 2}),
        ({"b": 1, "a": 2}, ["x", "y"], {"b": 1, "a": 2}),
        ({"a": {"b": 1, "c": 2}}, None, {"a_b": 1, "a_c": 2}),
    ],
)
def test_names(structure: Any, names: list[str] | None, expected: dict[str, int]) -> None:
    assert named(structure, names, single="output") == expected


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (TypeError("Could not locate class 'Mine'. Make sure"), "needs the class 'Mine', which Keras does not know"),
        (ValueError("Unknown layer: 'Mine'. Please"), "needs the layer 'Mine'"),
        (OSError("Unable to read"), "m.keras is not readable: Unable to read; it may be truncated"),
    ],
)
def test_what_keras_says(error: Exception, message: str) -> None:
    with pytest.raises(UserError, match=message), reading(Path("m.keras"), format="keras", custom={}):
        raise error


def test_a_bug_keeps_its_traceback() -> None:
    with pytest.raises(AttributeError, match="no attribute"), reading(Path("m.keras"), format="keras", custom={}):
        raise AttributeError("object has no attribute 'x'")
