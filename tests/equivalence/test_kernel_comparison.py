"""LiteRT's kernels against each other."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

from pipeline.equivalence import kernel_comparison
from pipeline.runtime import interpreter
from pipeline.tflite import flatbuffer
from tests.made import Made


def compared(made: Made) -> dict[str, float | None]:
    graph = flatbuffer.read(made.float32)
    samples = [{number: made.samples[name][i : i + 1] for name, number in graph.inputs.items()} for i in range(2)]
    return kernel_comparison.compare(made.float32, samples, graph.outputs)


@pytest.mark.parametrize("name", ["convolutions", "attention", "recurrent"])
def test_both_make_the_same(nets: Callable[[str], Made], name: str) -> None:
    found = compared(nets(name))
    assert all(value is not None and value <= 1 for value in found.values())


def test_another_result_with_xnnpack_is_a_finding(nets: Callable[[str], Made], monkeypatch: pytest.MonkeyPatch) -> None:
    made, opened = nets("wide"), interpreter.opened

    class Shifted:
        def __init__(self, inner: Any) -> None:
            self.inner = inner

        def __getattr__(self, name: str) -> Any:
            return getattr(self.inner, name)

        def get_tensor(self, number: int) -> np.ndarray:
            return np.asarray(self.inner.get_tensor(number)) * np.float32(1.01)

    def one(model: bytes, *, delegate: bool, shapes: Mapping[int, tuple[int, ...]]) -> Any:
        found = opened(model, delegate=delegate, shapes=shapes)
        return Shifted(found) if delegate else found

    monkeypatch.setattr(interpreter, "opened", one)
    (found,) = compared(made).values()
    assert found is not None
    assert found > 100  # a hundredth is five hundred times what rounding allows
