"""What lies between known tensors, on both sides, against graphs small enough to see it."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np
import pytest

from pipeline.equivalence import both_sides
from pipeline.equivalence.both_sides import BothSides
from tests.graphs import chain


class Net:
    """x -> doubled = 2 x -> sum = doubled + y -> clipped = max(sum, 0)."""

    inputs: ClassVar = {"x": "x:0", "y": "y:0"}
    outputs: ClassVar = {"out": "clipped:0"}
    reads: ClassVar[dict[str, tuple[str, ...]]] = {
        "x:0": (),
        "y:0": (),
        "doubled:0": ("x:0",),
        "sum:0": ("doubled:0", "y:0"),
        "clipped:0": ("sum:0",),
    }

    @staticmethod
    def sample(given: Mapping[str, np.ndarray]) -> dict[str, tuple[tuple[int, ...], np.ndarray]]:
        raise NotImplementedError

    @classmethod
    def run(cls, wanted: Sequence[str], given: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        def value(reference: str) -> np.ndarray:
            if reference in given:
                return given[reference]
            read = [value(entry) for entry in cls.reads[reference]]
            if not read:
                raise RuntimeError(f"{reference} is not fed")
            if reference == "doubled:0":
                return np.asarray(2 * read[0])
            return np.asarray(read[0] + read[1] if reference == "sum:0" else read[0].clip(0))

        return [value(reference) for reference in wanted]


@pytest.fixture
def state() -> BothSides:
    """A file of three operators in a row."""
    graph = chain("MUL", "ADD", "RELU")
    return BothSides(
        network=Net(),
        graph=graph,
        content=None,
        shapes=dict.fromkeys(range(4), (1,)),
        network_shapes=dict.fromkeys(Net.reads, (1,)),
        held={},
        given=frozenset(),
        candidates={},
        makers={1: 0, 2: 1, 3: 2},
    )


def test_operators_reach_back_to_the_nearest_known_tensors(state: BothSides) -> None:
    both_sides.learn(state, 0, ["x:0"])
    assert both_sides.cone(state, 2) == ((0, 1, 2), [0])
    both_sides.learn(state, 1, ["doubled:0"])
    assert both_sides.cone(state, 2) == ((1, 2), [1])


def test_what_the_network_reads_beyond(state: BothSides) -> None:
    assert both_sides.beyond(state, "clipped:0", {"x:0"}) == ["y:0"]
    assert both_sides.beyond(state, "clipped:0", {"x:0", "y:0"}) == []
    both_sides.learn(state, 1, ["doubled:0"])
    assert both_sides.beyond(state, "clipped:0", {"y:0"}) == ["doubled:0"]


def test_computes_from_what_is_given(state: BothSides) -> None:
    given = {"doubled:0": np.array([3.0]), "y:0": np.array([-5.0])}
    found = both_sides.compute(state, ["sum:0", "clipped:0", "y:0"], given)
    assert {name: array.tolist() for name, array in found.items()} == {"sum:0": [-2.0], "clipped:0": [0.0], "y:0": [-5.0]}
    moved = both_sides.compute(state, ["doubled:0"], {"x:0": np.array([1.0])}, nudged=True)["doubled:0"]
    assert 0 < abs(moved[0] - 2) < 1e-5


@pytest.mark.parametrize(("values", "same"), [([1.0, 4.0], True), ([1.0, -4.0], False)])
def test_one_tensor_that_is_another_for_some_values_only(state: BothSides, values: list[float], same: bool) -> None:
    state.network_shapes.update(dict.fromkeys(Net.reads, (2,)))
    assert both_sides.hands_on(state, "clipped:0", "sum:0", np.array(values)) == same


def test_what_cannot_be_computed_is_not_the_same(state: BothSides) -> None:
    assert not both_sides.hands_on(state, "sum:0", "x:0", np.array([1.0]))
