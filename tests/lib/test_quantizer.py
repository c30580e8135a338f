from pathlib import Path

import numpy as np
import pytest

from pipeline.lib import files, flatbuffer, litert, paths, quantizer, schemes
from pipeline.lib.errors import UserError

CASES = [
    (name, algorithm, boundary)
    for name, scheme in schemes.SCHEMES["litert"].items()
    if name != "float32"
    for algorithm in scheme.algorithms
    for boundary in scheme.boundary
]


@pytest.fixture(scope="module")
def model(finished: Path) -> bytes:
    return files.read_bytes(finished / paths.FLOAT32)


@pytest.mark.parametrize(("scheme", "algorithm", "boundary"), CASES)
def test_every_sound_combination_changes_the_bytes_and_runs(
    finished: Path, model: bytes, scheme: str, algorithm: str, boundary: str
) -> None:
    facts = schemes.SCHEMES["litert"][scheme]
    ranges = files.read_json(finished / paths.RANGES)["bits"]["16" if facts.activations == "int16" else "8"]
    made = quantizer.quantize(
        model, scheme=scheme, algorithm=algorithm, boundary=boundary, ranges=ranges if facts.calibration == schemes.RANGES else None
    )
    assert len(made) < len(model) * 0.6
    graph = flatbuffer.read(made)
    assert facts.weights in {tensor.dtype for tensor in flatbuffer.constants(graph)}
    assert {graph.tensors[i].dtype for i in (*graph.inputs.values(), *graph.outputs.values())} == {boundary}
    if boundary != "float32":
        assert {tensor.dtype for tensor in flatbuffer.activations(graph)} == {facts.activations}
    outputs = litert.predict(made, files.read_samples(finished / paths.EVALUATION), workers=1)["probabilities"].astype(np.float64)
    reference = files.read_arrays(finished / paths.REFERENCE)["probabilities"].astype(np.float64)
    assert 10 * np.log10((reference**2).sum() / ((outputs - reference) ** 2).sum()) > 30


def test_the_result_does_not_depend_on_the_number_of_workers(finished: Path, model: bytes) -> None:
    samples = files.read_samples(finished / paths.EVALUATION)
    one, many = (litert.predict(model, samples, workers=workers)["probabilities"] for workers in (1, 3))
    np.testing.assert_array_equal(one, many)


def test_a_tensor_without_a_range_is_an_error(model: bytes) -> None:
    with pytest.raises(UserError, match=r"static_wi8_ai8: a tensor has no measured range .*; run `dvc repro calibrate`"):
        quantizer.quantize(model, scheme="static_wi8_ai8", algorithm="min_max", boundary="int8", ranges={})
