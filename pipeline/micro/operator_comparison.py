"""Does each operator of a file compute the same on TensorFlow Lite Micro as LiteRT's own kernel does from the same inputs?

Differences at a network's outputs do not tell: a rounding of one step early on can become many. Here each operator is run alone by
LiteRT on what it was given within TFLM, so that nothing is passed on.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np

from pipeline.equivalence import local_comparison
from pipeline.micro import comparison
from pipeline.micro.simulation_report import DifferingOperator
from pipeline.runtime import plain, trial
from pipeline.tflite import exact_kernels, extraction, flatbuffer
from pipeline.tflite.flatbuffer import Tensor

# Two kernels may round a result to either side of what it is: they multiply by a scale with more or fewer bits.
_STEPS = 1.0
_NUMBERS = ("int8", "uint8", "int16", "int32", "int64", "bool", "float32")
Run = Callable[[Sequence[np.ndarray]], list[np.ndarray]]
Known = Mapping[int, np.ndarray]


def kept(model: bytes) -> list[int]:
    """The numbers of the tensors that have to be known: those of subgraph 0 that operators write and that are plain numbers."""
    graph = flatbuffer.read(model).subgraphs[0]
    written = {number for operator in graph.operators for number in operator.outputs if number >= 0}
    return sorted(number for number in written if graph.tensors[number].dtype in _NUMBERS)


def differing(model: bytes, known: Known) -> tuple[list[DifferingOperator], int, list[str]]:
    """The operators of subgraph 0 that differ.

    Args:
        model: .tflite file.
        known: values within TFLM of the inputs of subgraph 0 and of the tensors of `kept`, [k, ...] by number.

    Returns:
        A row for each that differs, how many were compared, and number and name of those that could not be.
    """
    content, graph = flatbuffer.editable(model), flatbuffer.read(model).subgraphs[0]
    variables = {number for number, tensor in enumerate(content.subgraphs[0].tensors) if tensor.isVariable}
    rows, compared, left = [], 0, []
    for place, operator in enumerate(graph.operators):
        # State that it keeps is zero on both sides, as before the first sample.
        read = [number for number in dict.fromkeys(operator.inputs) if number >= 0 and graph.tensors[number].data is None]
        given = [number for number in read if number not in variables]
        made = [number for number in operator.outputs if number >= 0]
        if not made or not known.keys() >= {*given, *made}:
            left.append(f"{place} {operator.name}")
            continue
        shapes = {number: known[number].shape[1:] for number in given}
        part = extraction.extract(content, places=[place], inputs=given, outputs=made, shapes=shapes)
        inputs = [known[number] for number in given]
        try:
            run = plain.opened(part)
            expected = _all(run, inputs)
        except plain.Refused:
            left.append(f"{place} {operator.name}")
            continue
        compared += 1
        for at, number in enumerate(made):
            tensor, found, wanted = graph.tensors[number], known[number], expected[at]
            distances = comparison.distance(found, wanted)
            if distances.any():
                largest, unit = float(distances.max()), comparison.unit(tensor)
                same = _same(tensor, found, wanted, distances, part, inputs, run, at)
                rows.append(
                    DifferingOperator(
                        number=place, operator=operator.name, tensor=tensor.name, largest=largest, unit=unit, passed=same
                    )
                )
    return rows, compared, left


def _all(run: Run, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
    """The outputs for each sample, [k, ...] each."""
    samples = len(inputs[0]) if inputs else 1
    rows = [run([array[sample] for array in inputs]) for sample in range(samples)]
    return [np.stack(arrays) for arrays in zip(*rows, strict=True)]


def _same(
    tensor: Tensor,
    found: np.ndarray,
    wanted: np.ndarray,
    distances: np.ndarray,
    part: bytes,
    inputs: Sequence[np.ndarray],
    run: Run,
    at: int,
) -> bool:
    """Whether TFLM's result is as good as LiteRT's: of floats, sums in another order; of integers, at most a step further from what
    the operator makes without rounding, where it is furthest and in the root mean square.

    LiteRT's own kernels can be the ones that are far: its RSQRT of int16 reads a table, and is off by hundreds of steps.
    """
    if comparison.unit(tensor) != "steps":
        return tensor.dtype == "float32" and local_comparison.excess(found, wanted, nudged=partial(_nudged, run, inputs, at)) <= 1
    if distances.max() <= _STEPS:
        return True
    exact = _exact(tensor, part, inputs, at)
    if exact is None:
        return False
    errors = np.abs(found - exact), np.abs(wanted.reshape(found.shape) - exact)
    (far, litert_far), (usual, litert_usual) = ([measure(error) for error in errors] for measure in (np.max, _root_mean_square))
    return bool(far <= litert_far + _STEPS and usual <= litert_usual + _STEPS)


def _root_mean_square(errors: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(errors))))


def _exact(tensor: Tensor, part: bytes, inputs: Sequence[np.ndarray], at: int) -> np.ndarray | None:
    """What an operator makes in floats of the values that its codes mean, in steps of its output and within its range, [k, ...]
    float64; None where it has no such kernel, or makes no number."""
    graph, floats = flatbuffer.read(part), exact_kernels.in_floats(part)
    # Nobody made this file before: LiteRT may abort over it.
    if trial.refusal(floats) is not None:
        return None
    ends = graph.subgraphs[0].inputs
    try:
        run = plain.opened(floats)
        values = [exact_kernels.real(array, graph, number) for array, number in zip(inputs, ends, strict=True)]
        made = _all(run, values)[at].astype(np.float64)
    except plain.Refused:
        return None
    scale, zero = comparison.detail(tensor)["quantization"]
    limits = np.iinfo(tensor.dtype)
    codes = np.clip(made / scale + zero, limits.min, limits.max)
    return None if np.isnan(codes).any() else codes


def _nudged(run: Run, inputs: Sequence[np.ndarray], at: int) -> np.ndarray:
    """What LiteRT's kernel makes of inputs that are a few units in the last place off."""
    return _all(run, [local_comparison.nudged(array) for array in inputs])[at]
