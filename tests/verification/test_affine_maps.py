from typing import Any

import numpy as np
import pytest

from pipeline.verification import affine_maps
from pipeline.verification.rounded_arithmetic import Constant
from tests.graphs import node

KNOWN = {"c:0": Constant(value=np.array([2.0, 4.0]), variables=frozenset(["c"]))}


def maps(op: str, *inputs: str, **options: Any) -> affine_maps.Affine | None:
    return affine_maps.of_operation(node("y", op, *inputs), "x:0", KNOWN, **options)


@pytest.mark.parametrize(
    ("op", "inputs", "function"),
    [
        ("AddV2", ("x", "c"), lambda x, c: x + c),
        ("Mul", ("c", "x"), lambda x, c: x * c),
        ("Sub", ("x", "c"), lambda x, c: x - c),
        ("Sub", ("c", "x"), lambda x, c: c - x),
        ("RealDiv", ("x", "c"), lambda x, c: x / c),
        ("Neg", ("x",), lambda x, c: -x),
    ],
)
def test_an_operation_as_scale_and_offset(op: str, inputs: tuple[str, ...], function: Any) -> None:
    found = maps(op, *inputs)
    assert found is not None
    x, c = np.array([3.0, 5.0]), KNOWN["c:0"].value
    np.testing.assert_allclose(x * found.scale.value + found.offset.value, function(x, c))
    assert found.operations == ("y",)


@pytest.mark.parametrize(
    ("op", "inputs"), [("RealDiv", ("c", "x")), ("Mul", ("x", "other")), ("Mul", ("x", "x")), ("Relu", ("x",))]
)
def test_what_is_no_such_thing(op: str, inputs: tuple[str, ...]) -> None:
    assert maps(op, *inputs) is None


def test_one_value_for_each_channel_or_none() -> None:
    assert maps("Mul", "x", "c", channels=2) is not None
    assert maps("Mul", "x", "c", channels=3) is None


def test_batch_normalization_in_one_operation() -> None:
    rng = np.random.default_rng(0)
    names = ("gamma", "beta", "mean", "variance")
    values = {name: 0.5 + rng.random(3) for name in names}
    known = {f"{name}:0": Constant(value=value, variables=frozenset([name])) for name, value in values.items()}
    fused = node("y", "FusedBatchNormV3", "x", *names, epsilon=0.25)
    found = affine_maps.of_operation(fused, "x:0", known)
    assert found is not None
    x = rng.normal(size=(5, 3))
    expected = (x - values["mean"]) / np.sqrt(values["variance"] + 0.25) * values["gamma"] + values["beta"]
    np.testing.assert_allclose(x * found.scale.value + found.offset.value, expected)
    assert found.offset.variables == set(names)


def test_one_after_the_other() -> None:
    first, second = maps("AddV2", "x", "c"), maps("Mul", "x", "c")
    assert first is not None
    assert second is not None
    joined = affine_maps.compose(first, second)
    np.testing.assert_allclose(joined.scale.value, [2, 4])
    np.testing.assert_allclose(joined.offset.value, [4, 16])
    assert affine_maps.compose(affine_maps.IDENTITY, first).offset is first.offset
