"""Another value of a field."""

import numpy as np
import pytest

from pipeline.cli import campaign_values


@pytest.mark.parametrize(("value", "type_"), [(True, "bool"), (3, "int"), (0.5, "float"), (0, "int"), (b"name", "Optional[str]")])
def test_a_value_of_the_same_type_that_is_another_one(value: object, type_: str) -> None:
    rng = np.random.default_rng(0)
    found = [campaign_values.changed(value, type_, value, rng) for _ in range(40)]
    assert sum(other != value for other, _ in found) >= 20
    assert all(isinstance(words, str) and words for _, words in found)


def test_the_types_are_those_of_the_schema() -> None:
    fields = campaign_values.types("Conv2DOptionsT")
    assert fields["padding"] == fields["strideW"] == "int"
    assert "fusedActivationFunction" in fields
