"""A part of a file computes by itself what it computes within it."""

from collections.abc import Callable

import numpy as np
import pytest

from pipeline.runtime import plain
from pipeline.tflite import extraction, flatbuffer
from tests.made import Made


@pytest.mark.parametrize("name", ["convolutions", "recurrent", "attention"])
def test_each_operator_alone_makes_what_it_makes_within_the_file(nets: Callable[[str], Made], name: str) -> None:
    """A loop among them, with the graphs that it runs."""
    made = nets(name)
    graph, content = flatbuffer.read(made.float32), flatbuffer.editable(made.float32)
    ((key, start),) = graph.inputs.items()
    held = plain.tensors(made.float32, {start: made.samples[key][:1]}, lambda number, values: values.copy())
    # What a loop carries and nobody reads behind it need not be kept.
    read = {number for operator in graph.operators for number in operator.inputs} | set(graph.outputs.values())
    for place, operator in enumerate(graph.operators):
        reads = list(dict.fromkeys(n for n in operator.inputs if n >= 0 and graph.tensors[n].data is None and n in held))
        makes = [number for number in operator.outputs if number in held and number in read]
        part = extraction.extract(
            content, places=[place], inputs=reads, outputs=makes, shapes={number: held[number].shape for number in reads}
        )
        for number, found in zip(makes, plain.opened(part)([held[number] for number in reads]), strict=True):
            np.testing.assert_allclose(found, held[number], rtol=1e-5, atol=1e-6)


def test_without_the_activation_that_is_fused_into_an_operator(nets: Callable[[str], Made]) -> None:
    made = nets("wide")
    graph, content = flatbuffer.read(made.float32), flatbuffer.editable(made.float32)
    operator = graph.operators[0]
    values = np.random.default_rng(0).normal(size=(1, 64)).astype(np.float32)
    both = [
        plain.opened(
            extraction.extract(
                content,
                places=[0],
                inputs=operator.inputs[:1],
                outputs=operator.outputs,
                shapes={operator.inputs[0]: (1, 64)},
                activated=activated,
            )
        )([values])[0]
        for activated in (True, False)
    ]
    assert both[1].min() < 0
    np.testing.assert_array_equal(both[0], np.maximum(both[1], 0))
