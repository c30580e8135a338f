"""One file on TensorFlow Lite Micro, beside what LiteRT computes."""

from collections.abc import Mapping, Sequence

import numpy as np

from pipeline.micro import comparison, operator_comparison, resolver, tflm
from pipeline.micro.simulation_report import Arena, DifferingOperator, Output, Simulation
from pipeline.runtime import interpreter, plain
from pipeline.tflite import flatbuffer
from pipeline.tflite.flatbuffer import Graph

# Samples on which the operators are compared one by one: those whose outputs differ most.
_FOLLOWED = 4


def simulate(
    name: str, model: bytes, samples: Mapping[str, np.ndarray], judged: Mapping[str, np.ndarray], *, workers: int
) -> Simulation:
    """Run a file on TFLM.

    Args:
        name: of the variant.
        model: .tflite file with a batch of one.
        samples: inputs [n, ...] by signature name, in real units.
        judged: outputs [n, ...] of LiteRT by signature name, in real units: those that accuracy and verification saw.
        workers: processes, at most.

    Returns:
        The report. TFLM computes what LiteRT does when its outputs are those of LiteRT's own kernels, or when on the samples that
        differ most each operator makes the same of the same inputs, but for a rounding.
    """
    graph = flatbuffer.read(model)
    refused = f"its signature runs subgraph {graph.main}, TFLite Micro runs the first" if graph.main else None
    if refused is None:
        inputs = _inputs(graph, samples)
        try:
            found = tflm.run(model, inputs, workers=workers)
        except tflm.Refused as refusal:
            refused = f"TFLite Micro refuses it: {refusal}"
    if refused is not None:
        return _report(name, model, len(next(iter(samples.values()))), reason=refused)
    kernels = _by_litert(model, inputs)
    distances = [comparison.distance(a, b) for a, b in zip(found.outputs, kernels, strict=True)]
    places = _places(graph.outputs, graph.subgraphs[0].outputs)
    outputs = {
        key: comparison.output(found.outputs[place], judged[key], kernels[place], graph.tensors[graph.outputs[key]])
        for key, place in places.items()
    }
    worst = comparison.worst(distances, _FOLLOWED)
    rows: list[DifferingOperator] = []
    left: list[str] = []
    compared, reason = 0, None
    if worst:
        known = _within(model, [array[worst] for array in inputs])
        rows, compared, left = operator_comparison.differing(model, known)
        kept = all(
            np.array_equal(known[number][:, 0], output[worst], equal_nan=output.dtype.kind == "f")
            for number, output in zip(graph.subgraphs[0].outputs, found.outputs, strict=True)
            if number in known
        )
        reason = _reason(rows, left, kept, outputs)
    return _report(
        name,
        model,
        len(inputs[0]),
        reason=reason,
        arena=found.arena,
        resolver=resolver.lines(operator.name for subgraph in graph.subgraphs for operator in subgraph.operators),
        outputs=outputs,
        compared=compared,
        worst=worst,
        operators=rows,
        not_compared=left,
    )


def _report(
    name: str,
    model: bytes,
    samples: int,
    *,
    reason: str | None,
    arena: Arena | None = None,
    resolver: Sequence[str] = (),
    outputs: Mapping[str, Output] | None = None,
    compared: int = 0,
    worst: Sequence[int] = (),
    operators: Sequence[DifferingOperator] = (),
    not_compared: Sequence[str] = (),
) -> Simulation:
    return Simulation(
        variant=name,
        passed=reason is None,
        reason=reason,
        samples=samples,
        flash_bytes=len(model),
        arena=arena,
        resolver=list(resolver),
        outputs=dict(outputs or {}),
        compared=compared,
        worst=list(worst),
        operators=list(operators),
        not_compared=list(not_compared),
    )


def _places(ends: Mapping[str, int], order: Sequence[int]) -> dict[str, int]:
    """Where the tensors of a signature stand among those of the subgraph, by name."""
    return {name: order.index(number) for name, number in ends.items()}


def _inputs(graph: Graph, samples: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    """The samples in the dtypes of the file and in the order of its first subgraph."""
    places = _places(graph.inputs, graph.subgraphs[0].inputs)
    ordered = sorted(places, key=lambda name: places[name])
    return [
        interpreter.quantized(np.asarray(samples[name]), comparison.detail(graph.tensors[graph.inputs[name]])) for name in ordered
    ]


def _by_litert(model: bytes, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
    """The outputs of LiteRT's own kernels for each sample, [n, ...] each."""
    run = plain.opened(model)
    rows = [run([array[sample : sample + 1] for array in inputs]) for sample in range(len(inputs[0]))]
    return [np.concatenate(arrays) for arrays in zip(*rows, strict=True)]


def _within(model: bytes, inputs: Sequence[np.ndarray]) -> dict[int, np.ndarray]:
    """Every tensor of subgraph 0 within TFLM, [k, 1, ...] by number."""
    known = tflm.tensors(model, inputs, operator_comparison.kept(model))
    given = zip(flatbuffer.read(model).subgraphs[0].inputs, (array[:, None] for array in inputs), strict=True)
    return {**dict(given), **known}


def _reason(rows: Sequence[DifferingOperator], left: Sequence[str], kept: bool, outputs: Mapping[str, Output]) -> str | None:
    """Why outputs that differ from those of LiteRT's kernels are not the same; None when operators that only round explain them.

    Args:
        rows, left: of `operator_comparison.differing`.
        kept: the outputs are the same when no tensor's memory is used again.
        outputs: by name.
    """
    far = max(outputs.values(), key=lambda output: output.kernels.largest)
    by = f"TFLite Micro's outputs differ from those of LiteRT's kernels by up to {far.kernels.largest:g} {far.unit}"
    wrong = [row for row in rows if not row.passed]
    if wrong:
        first, more = wrong[0], f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
        return (
            f"TFLite Micro computes {first.operator} (number {first.number}, {first.tensor}) otherwise than LiteRT from the same "
            f"inputs: by up to {first.largest:g} {first.unit}{more}"
        )
    if not kept:
        return f"{by}, and change when no tensor's memory is used again: its memory planner overwrites what is still needed"
    if left:
        return f"{by}, and of its operators {', '.join(left)} could not be compared alone"
    return None if rows else f"{by}, although no operator differs"
