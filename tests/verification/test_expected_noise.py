"""The noise of formats, simulated: it is that of the sound file, and not that of one with other ranges."""

from collections.abc import Callable

import numpy as np
import pytest

from pipeline.runtime import interpreter
from pipeline.tflite import flatbuffer
from pipeline.verification import expected_noise, simulated_quantization
from pipeline.verification.expected_noise import Simulation
from tests import faults
from tests.made import Made, converted, litert

SCHEMES = (
    "float16",
    "weightonly_wi8_afp32",
    "dynamic_wi8_afp32",
    "dynamic_wi4_afp32",
    "static_wi8_ai8",
    "static_wi8_ai16",
    "static_wi4_ai8",
)


def simulated(made: Made, model: bytes, *, own_weights: bool = False) -> Simulation | str:
    graph, count = made.proof.graph, len(next(iter(made.samples.values())))
    at = expected_noise.numbers(graph, count)
    reference = interpreter.predict(made.float32, made.samples, workers=1)
    found = flatbuffer.read(model)
    return expected_noise.simulate(made.float32, graph, found, made.samples, reference, at, batch=1, own_weights=own_weights)


def sqnr(reference: np.ndarray, other: np.ndarray) -> float:
    noise = float(np.sum(np.square(other.astype(np.float64) - reference)))
    return float(10 * np.log10(np.sum(np.square(reference, dtype=np.float64)) / noise)) if noise else np.inf


def both(made: Made, model: bytes, found: Simulation) -> dict[str, tuple[float, float]]:
    """SQNR of the simulation and of the file, by output."""
    reference, actual = (interpreter.predict(file, made.samples, workers=1) for file in (made.float32, model))
    return {name: (sqnr(array, found.outputs[name]), sqnr(array, actual[name])) for name, array in reference.items()}


@pytest.mark.parametrize("network", ["convolutions", "wide"])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_sound_file_has_the_noise_that_is_simulated(nets: Callable[[str], Made], network: str, scheme: str) -> None:
    made = nets(network)
    model = litert(made, scheme)
    found = simulated(made, model)
    assert isinstance(found, Simulation)
    for name, (expected, actual) in both(made, model, found).items():
        # Where only weights are stored otherwise the simulation computes the same numbers.
        exact = scheme in ("float16", "weightonly_wi8_afp32")
        assert actual == pytest.approx(expected, abs=0.01 if exact else 4), name


@pytest.mark.parametrize("scheme", ["static_wi8_ai8", "static_wi8_ai16"])
def test_so_has_a_file_of_the_converter(nets: Callable[[str], Made], scheme: str) -> None:
    made = nets("convolutions")
    model = converted(made, scheme)
    found = simulated(made, model)
    assert isinstance(found, Simulation)
    assert all(actual > expected - 6 for expected, actual in both(made, model, found).values())


def test_it_does_not_look_at_the_file_s_own_ranges(nets: Callable[[str], Made], files: Callable[[str, str], bytes]) -> None:
    """All activations of an int8 file with half their scales: the same simulation, and far more noise than it has."""
    made, model = nets("convolutions"), files("convolutions", "static_wi8_ai8")

    def halve(content: object) -> None:
        for tensor in faults.activations(content):
            if tensor.quantization is not None and tensor.quantization.scale is not None:
                tensor.quantization.scale = [float(tensor.quantization.scale[0]) / 2]

    cut = faults.edited(model, halve)
    sound, wrong = simulated(made, model), simulated(made, cut)
    assert isinstance(sound, Simulation)
    assert isinstance(wrong, Simulation)
    assert sound.model == wrong.model


def test_weights_of_searched_scales_are_taken_as_they_are(nets: Callable[[str], Made]) -> None:
    made = nets("wide")
    model = litert(made, "weightonly_wi8_afp32", algorithm="mse")
    found = simulated(made, model, own_weights=True)
    assert isinstance(found, Simulation)
    for expected, actual in both(made, model, found).values():
        assert actual == pytest.approx(expected, abs=0.01)


def test_what_cannot_be_simulated_is_said(nets: Callable[[str], Made], files: Callable[[str, str], bytes]) -> None:
    assert simulated(nets("recurrent"), files("recurrent", "dynamic_wi8_afp32")) == "a loop rounds what it reads at each step"


def test_samples_follow_the_cost_of_the_network(nets: Callable[[str], Made], monkeypatch: pytest.MonkeyPatch) -> None:
    graph = nets("wide").proof.graph
    assert expected_noise.numbers(graph, 8).tolist() == list(range(8))
    spread = expected_noise.numbers(graph, 10_000)
    assert len(spread) == 512
    assert (spread[0], spread[-1]) == (0, 9_999)
    monkeypatch.setattr(expected_noise, "_BUDGET", 1.0)
    assert len(expected_noise.numbers(graph, 10_000)) == 32


def test_operators_that_want_one_scale_have_one(nets: Callable[[str], Made], files: Callable[[str, str], bytes]) -> None:
    """Both inputs of a CONCATENATION have its range, as LiteRT wants it."""
    found = flatbuffer.read(files("convolutions", "static_wi8_ai8"))
    wanted = simulated_quantization.formats(nets("convolutions").proof.graph, found)
    graph = nets("convolutions").proof.graph
    together = [set(group) for _, group in wanted.groups]
    for operator in graph.operators:
        if operator.name in ("CONCATENATION", "RESHAPE", "MAX_POOL_2D"):
            members = {number for number in (*operator.inputs, *operator.outputs) if graph.tensors[number].data is None}
            assert any(members <= group for group in together), operator.name


def test_formats_that_leave_no_number_are_said(
    nets: Callable[[str], Made], files: Callable[[str, str], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As of a logarithm of what its formats round to zero."""
    predict = interpreter.predict
    made, model = nets("wide"), files("wide", "static_wi8_ai8")

    def infinite(file: bytes, samples: dict[str, np.ndarray], *, workers: int) -> dict[str, np.ndarray]:
        found = predict(file, samples, workers=workers)
        return found if file in (made.float32, model) else {name: np.full_like(array, -np.inf) for name, array in found.items()}

    monkeypatch.setattr(interpreter, "predict", infinite)
    assert simulated(made, model) == "with its formats the network computes NaN or infinity"
