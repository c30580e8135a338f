"""Files for TensorFlow Lite Micro, which runs on Linux on x86-64 alone: elsewhere these tests are skipped."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from pipeline import files, paths
from pipeline.micro import comparison
from pipeline.runtime import interpreter
from pipeline.tflite import flatbuffer
from tests.helpers import TFLM


@pytest.fixture(autouse=True)
def _on_this_machine() -> None:
    if not TFLM:
        pytest.skip("tflite-micro exists for Linux on x86-64 alone")


@dataclass(frozen=True)
class File:
    """A file, samples by input name in real units, and LiteRT's outputs of them as `predict` writes them."""

    model: bytes
    samples: dict[str, np.ndarray]
    judged: dict[str, np.ndarray]

    def inputs(self, count: int | None = None) -> list[np.ndarray]:
        """The first samples in the file's own dtypes."""
        graph = flatbuffer.read(self.model)
        return [
            interpreter.quantized(np.asarray(self.samples[name])[:count], comparison.detail(graph.tensors[number]))
            for name, number in graph.inputs.items()
        ]


@pytest.fixture(scope="session")
def digits_file(finished: Path) -> Callable[[str], File]:
    """A variant of the shipped example with all its evaluation samples."""

    def read(variant: str) -> File:
        return File(
            files.read_bytes(finished / paths.variant_model(variant)),
            files.read_samples(finished / paths.EVALUATION),
            files.read_arrays(finished / paths.OUTPUTS / variant),
        )

    return read


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str | None], File]:
    """A network of `tests.micro.networks` in a scheme of the engine litert; None: the float32 file."""
    from tests import certified, made
    from tests.micro import networks

    @cache
    def built(name: str) -> made.Made:
        return made.make(certified.randomised(networks.NETWORKS[name]()), tmp_path_factory.mktemp(name) / "source")

    @cache
    def file(name: str, scheme: str | None) -> File:
        network = built(name)
        model = network.float32 if scheme is None else made.litert(network, scheme)
        samples = {key: np.asarray(array) for key, array in network.samples.items()}
        return File(model, samples, interpreter.predict(model, samples, workers=1))

    return file
