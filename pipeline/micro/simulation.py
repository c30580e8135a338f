"""One file on TensorFlow Lite Micro, beside what LiteRT computes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.micro import comparison, operator_comparison, resolver, tflm
from pipeline.micro.simulation_report import Arena, DifferingOperator, Output, Simulation
from pipeline.runtime import interpreter, plain
from pipeline.tflite import flatbuffer
from pipeline.tflite.flatbuffer import Graph

# Samples on which the operators are compared one by one: those whose outputs differ most.
_FOLLOWED = 4
_BLOCK_BYTES = 1 << 20


def simulate(
    name: str, model: bytes, samples: Mapping[str, np.ndarray], judged: Mapping[str, np.ndarray], *, version: str, workers: int
) -> Simulation:
    """Run a file on TFLM.

    Args:
        name: of the variant.
        model: .tflite file with a batch of one.
        samples: inputs [n, ...] by signature name, in real units.
        judged: outputs [n, ...] of LiteRT by signature name, in real units: those that accuracy and verification saw.
        version: of the package tflite-micro.
        workers: processes, at most.

    Returns:
        The report. TFLM computes what LiteRT does when its outputs are those of LiteRT's own kernels, or when on the samples that
        differ most each operator makes the same of the same inputs, but for a rounding.
    """
    graph = flatbuffer.read(model)
    refused = _unfit(graph)
    if refused is None:
        inputs = _inputs(graph, samples)
        try:
            found, kernels = tflm.run(model, inputs, workers=workers), _by_litert(model, inputs)
        except tflm.Refused as refusal:
            refused = f"TFLite Micro refuses it: {refusal}"
        except plain.Refused as refusal:
            refused = f"LiteRT's own kernels, which TFLite Micro's are compared with, refuse it: {refusal}"
    if refused is not None:
        return _report(name, model, version, len(next(iter(samples.values()))), reason=refused)
    outputs = {
        key: comparison.output(found.outputs[place], judged[key], kernels[place], graph.tensors[graph.outputs[key]])
        for key, place in _places(graph.outputs, graph.subgraphs[0].outputs).items()
    }
    distances = [comparison.distance(a, b) for a, b in zip(found.outputs, kernels, strict=True)]
    worst = comparison.worst(distances, _FOLLOWED)
    followed = _follow(model, [array[worst] for array in inputs], [array[worst] for array in found.outputs], outputs)
    return _report(
        name,
        model,
        version,
        len(inputs[0]),
        reason=followed.reason,
        arena=found.arena,
        resolver=resolver.lines(operator.name for subgraph in graph.subgraphs for operator in subgraph.operators),
        outputs=outputs,
        worst=worst,
        followed=followed,
    )


@dataclass(frozen=True)
class _Followed:
    """What `operator_comparison.differing` found, and why the outputs differ, if that is a fault."""

    rows: Sequence[DifferingOperator] = ()
    compared: int = 0
    left: Sequence[str] = ()
    reason: str | None = None


def _report(
    name: str,
    model: bytes,
    version: str,
    samples: int,
    *,
    reason: str | None,
    arena: Arena | None = None,
    resolver: Sequence[str] = (),
    outputs: Mapping[str, Output] | None = None,
    worst: Sequence[int] = (),
    followed: _Followed = _Followed(),
) -> Simulation:
    return Simulation(
        variant=name,
        version=version,
        passed=reason is None,
        reason=reason,
        samples=samples,
        flash_bytes=len(model),
        arena=arena,
        resolver=list(resolver),
        outputs=dict(outputs or {}),
        compared=followed.compared,
        worst=list(worst),
        operators=list(followed.rows),
        not_compared=list(followed.left),
    )


def _unfit(graph: Graph) -> str | None:
    """Why a file is none for TFLM before it is run; None when it may be one."""
    if graph.main:
        return f"its signature runs subgraph {graph.main}, TFLite Micro runs the first"
    ends = {**graph.inputs, **graph.outputs}
    wrong = [name for name, number in ends.items() if graph.tensors[number].shape[:1] != (1,)]
    return f"{', '.join(wrong)}: no batch of one, which TFLite Micro is run with; set convert.batch=1" if wrong else None


def _places(ends: Mapping[str, int], order: Sequence[int]) -> dict[str, int]:
    """Where the tensors of a signature stand among those of the subgraph, by name."""
    return {name: order.index(number) for name, number in ends.items()}


def _inputs(graph: Graph, samples: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    """The samples in the dtypes of the file and in the order of its first subgraph."""
    places = _places(graph.inputs, graph.subgraphs[0].inputs)
    return [
        _codes(samples[name], comparison.detail(graph.tensors[graph.inputs[name]]))
        for name in sorted(places, key=lambda name: places[name])
    ]


def _codes(samples: np.ndarray, detail: Mapping[str, Any]) -> np.ndarray:
    """Samples as a tensor holds them, a few at a time: the float64 in between takes eight times the memory of int8."""
    codes = np.empty(samples.shape, detail["dtype"])
    rows = max(1, _BLOCK_BYTES * len(samples) // samples.nbytes)
    for start in range(0, len(samples), rows):
        codes[start : start + rows] = interpreter.quantized(np.asarray(samples[start : start + rows]), detail)
    return codes


def _by_litert(model: bytes, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
    """The outputs of LiteRT's own kernels for each sample, [n, ...] each."""
    run = plain.opened(model)
    rows = [run([array[sample : sample + 1] for array in inputs]) for sample in range(len(inputs[0]))]
    return [np.concatenate(arrays) for arrays in zip(*rows, strict=True)]


def _follow(model: bytes, inputs: Sequence[np.ndarray], outputs: Sequence[np.ndarray], named: Mapping[str, Output]) -> _Followed:
    """Each operator on samples whose outputs differ, where there are any.

    Args:
        model: the file.
        inputs, outputs: of TFLM, [k, ...] each.
        named: how far the outputs are, by name.
    """
    if not len(inputs[0]):
        return _Followed()
    ends = flatbuffer.read(model).subgraphs[0]
    try:
        made = tflm.tensors(model, inputs, operator_comparison.kept(model))
    except tflm.Refused as refusal:
        return _Followed(reason=f"{_far(named)}, and it does not show its tensors: {refusal}")
    given = dict(zip(ends.inputs, (array[:, None] for array in inputs), strict=True))
    rows, compared, left = operator_comparison.differing(model, given | made)
    same = all(
        np.array_equal(made[number][:, 0], output, equal_nan=output.dtype.kind == "f")
        for number, output in zip(ends.outputs, outputs, strict=True)
        if number in made
    )
    return _Followed(rows, compared, left, _reason(rows, left, same, named))


def _far(named: Mapping[str, Output]) -> str:
    worst = max(named.values(), key=lambda output: output.kernels.largest)
    return f"TFLite Micro's outputs differ from those of LiteRT's kernels by up to {worst.kernels.largest:g} {worst.unit}"


def _reason(rows: Sequence[DifferingOperator], left: Sequence[str], same: bool, named: Mapping[str, Output]) -> str | None:
    """Why outputs that differ from those of LiteRT's kernels are not the same; None when operators that only round explain them.

    Args:
        rows, left: of `operator_comparison.differing`.
        same: TFLM makes the same outputs when no tensor's memory is used again.
        named: how far the outputs are, by name.
    """
    wrong = [row for row in rows if not row.passed]
    if wrong:
        first, more = wrong[0], f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
        return (
            f"TFLite Micro computes {first.operator} (number {first.number}, {first.tensor}) otherwise than LiteRT from the same "
            f"inputs: by up to {first.largest:g} {first.unit}{more}"
        )
    if not same:
        return f"{_far(named)}, and change when no memory is used again: its planner overwrites what is still needed"
    if left:
        return f"{_far(named)}, and of its operators {', '.join(left)} could not be compared alone"
    return None if rows else f"{_far(named)}, although no operator differs"
