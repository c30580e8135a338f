"""Files whose batch is free, on several samples at once."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from pipeline.cli import audit_network
from pipeline.equivalence import cut_points, whole_comparison
from pipeline.source import network_run
from pipeline.tflite import flatbuffer
from tests import faults, foreign, helpers

Given = tuple[network_run.NetworkRun, bytes]


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Given:
    """A network with a slice, and its file, both with a free batch."""
    folder = tmp_path_factory.mktemp("free")
    model = foreign.sliced()
    with helpers.quiet():
        model.save(folder / "network.keras")
    audit_network.export(folder / "network.keras", folder / "source", batch=None)
    return network_run.open_saved_model(folder / "source", cut_points.positions), foreign.from_keras(model, "float32")


def compared(given: Given, model: bytes, *, network: Any = None) -> dict[str, float | None]:
    graph = flatbuffer.read(model)
    rng = np.random.default_rng(0)
    samples = [{"image": rng.normal(size=(1, 8, 8, 3)).astype(np.float32)} for _ in range(2)]
    (output,) = graph.outputs.values()
    opened = network or given[0]
    outputs = dict.fromkeys(opened.outputs, output)
    return whole_comparison.compare(opened, model, samples, inputs=graph.inputs, outputs=outputs)


def test_a_sound_file_makes_what_the_network_makes(given: Given) -> None:
    (excess,) = compared(given, given[1]).values()
    assert excess is not None
    assert excess <= 1


def first_alone(content: Any) -> None:
    """Of several samples only the first is handed on, which one by itself cannot tell."""
    operator = foreign.the_slice(content, 4)
    operator.builtinOptions.endMask &= ~1
    faults.array(content, faults.constant(content, operator, 2), "int32")[0] = 1


def test_a_sample_that_is_dropped_is_seen(given: Given) -> None:
    assert list(compared(given, faults.edited(given[1], first_alone)).values()) == [None]


def test_samples_in_another_order_are_seen(given: Given) -> None:
    (excess,) = compared(given, faults.edited(given[1], foreign.turned_around)).values()
    assert excess is not None
    assert excess > 1e3


def test_a_network_that_does_not_take_several_samples_tells_nothing(given: Given) -> None:
    class Refusing:
        inputs, outputs = given[0].inputs, given[0].outputs

        @staticmethod
        def run(references: Sequence[str], feeds: Mapping[str, np.ndarray]) -> list[np.ndarray]:
            raise RuntimeError("Cannot feed value of shape (2, 8, 8, 3)")

    assert compared(given, given[1], network=Refusing()) == {}
