"""Single operators of a file beside the network's own."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from pipeline.equivalence import both_sides, part_comparison
from pipeline.equivalence.both_sides import BothSides
from pipeline.tflite import flatbuffer
from tests import faults
from tests.made import Made


def opened(made: Made, model: bytes) -> BothSides:
    graph = flatbuffer.read(model)
    samples = [{name: array[:1] for name, array in made.samples.items()}]
    state = both_sides.sample(made.run(), model, graph, samples, graph.inputs, graph.outputs, generated=False)
    for name, number in graph.inputs.items():
        both_sides.learn(state, number, [state.network.inputs[name]])
    return state


def first(state: BothSides, **options: float) -> float:
    """How far the first operator's output is from the tensor of the network that it seems to be."""
    operator = state.graph.operators[0]
    fed = {number: state.known[number] for number in operator.inputs if number in state.known}
    (reference, *_) = state.candidates[operator.outputs[0]]
    choices = {operator.outputs[0]: [reference]}
    found = part_comparison.excess(state, (0,), fed, choices, {reference: []}, **options)  # type: ignore[arg-type]
    assert found is not None
    return found[operator.outputs[0], reference]


def test_the_same_operator_makes_the_same(nets: Callable[[str], Made]) -> None:
    made = nets("wide")
    assert first(opened(made, made.float32)) <= 1


@pytest.mark.parametrize("factor", [1.0, 1e4])
def test_an_operator_that_is_the_same_on_samples_only(nets: Callable[[str], Made], factor: float) -> None:
    """ReLU6 where no sample reaches six: values that are drawn wider do."""
    made = nets("wide")

    def clipped(content: object) -> None:
        faults.operators(content, "FULLY_CONNECTED")[0].builtinOptions.fusedActivationFunction = 3

    sound = opened(made, made.float32)
    state = opened(made, faults.edited(made.float32, clipped))
    # As it would be if the samples were small: the candidates of the sound file.
    assert first(replace(state, candidates=sound.candidates), scale=factor) > 1


def test_constants_behind_an_activation_are_visible_beside_what_the_activation_reads(nets: Callable[[str], Made]) -> None:
    made = nets("wide")
    state = opened(made, made.float32)
    operator = state.graph.operators[0]
    fed = {number: state.known[number] for number in operator.inputs if number in state.known}
    assert part_comparison.visible(state, (0,), fed, state.candidates[operator.outputs[0]])
    assert not part_comparison.visible(state, (0, 1), fed, state.candidates[operator.outputs[0]])


def test_what_no_input_changes_is_not_drawn(nets: Callable[[str], Made]) -> None:
    made = nets("wide")
    state = opened(made, made.float32)
    (number,) = state.graph.inputs.values()
    held = np.resize(state.held[number], state.shapes[number])
    given = replace(state, held=state.held | {number: held}, given=frozenset({number}))
    assert first(given) <= 1
