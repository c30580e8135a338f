"""LiteRT's kernels against each other."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from pipeline.equivalence import kernel_comparison
from pipeline.runtime import interpreter
from pipeline.tflite import flatbuffer
from pipeline.verification import run_evidence
from tests.made import Made


def compared(made: Made) -> dict[str, float | None]:
    graph = flatbuffer.read(made.float32)
    samples = [{number: made.samples[name][i : i + 1] for name, number in graph.inputs.items()} for i in range(2)]
    return kernel_comparison.compare(made.float32, samples, graph.outputs)


@pytest.mark.parametrize("name", ["convolutions", "attention", "recurrent"])
def test_both_make_the_same(nets: Callable[[str], Made], name: str) -> None:
    found = compared(nets(name))
    assert all(value is not None and value <= 1 for value in found.values())
    assert list(run_evidence.kernels(found)) == []


def test_another_result_with_xnnpack_is_a_finding(nets: Callable[[str], Made], monkeypatch: pytest.MonkeyPatch) -> None:
    opened = interpreter.opened

    class Shifted:
        def __init__(self, inner: Any) -> None:
            self.inner = inner

        def __getattr__(self, name: str) -> Any:
            return getattr(self.inner, name)

        def get_tensor(self, number: int) -> np.ndarray:
            return np.asarray(self.inner.get_tensor(number)) * np.float32(1.01)

    def one(model: bytes, *, delegate: bool) -> Any:
        return Shifted(opened(model, delegate=True)) if delegate else opened(model, delegate=False)

    monkeypatch.setattr(interpreter, "opened", one)
    (fault,) = run_evidence.kernels(compared(nets("wide")))
    assert fault.startswith("output out: LiteRT makes something else with XNNPACK than with its built-in kernels")
