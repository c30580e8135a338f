"""What the channels of a finished file lost for the sake of their constant (`dead_channels`), read from the file itself."""

from collections.abc import Mapping, Sequence

import numpy as np

from pipeline.quantization import dead_channels
from pipeline.quantization.quantization_report import Rewritten
from pipeline.tflite import flatbuffer, operators
from pipeline.tflite.flatbuffer import Graph, Operator, Subgraph, Tensor

# How far a scale may be from the one that a constant asks for, and be of it: float32.
_TOLERANCE = 1e-6


def describe(original: Graph, found: Graph, layers: Mapping[str, list[str]]) -> list[Rewritten]:
    """The operators with channels whose kernel is all zeros, or is rounded to the scale that the constant asks for.

    Args:
        original: the float32 file.
        found: the quantized file.
        layers: paths by the name of an operator's first output; those of other subgraphs are not known.
    """
    rows = []
    for number, subgraph in enumerate(found.subgraphs[: len(original.subgraphs)]):
        for kernel in dead_channels.kernels(original, found, number):
            dead, coarser, error = _channels(kernel)
            for reader in kernel.readers if dead.any() or coarser.any() else ():
                operator, step = reader.operator, _steps(subgraph, reader.operator)
                name = subgraph.tensors[operator.outputs[0]].name
                lost = float(error[dead].max(initial=0))
                rows.append(
                    Rewritten(
                        operator=operator.name,
                        tensor=name,
                        layers=layers.get(name, []),
                        channels=dead.size,
                        dead=int(dead.sum()),
                        coarser=int(coarser.sum()),
                        lost=lost,
                        steps=None if step is None else lost * step,
                        coarser_steps=None if step is None else float(error[coarser].max(initial=0)) * step,
                    )
                )
    return rows


def line(rows: Sequence[Rewritten]) -> str | None:
    """All rows in a sentence; None without any."""
    parts = []
    if dead := [row for row in rows if row.dead]:
        steps = [row.steps for row in dead if row.steps is not None]
        most = f"{max(steps):.2g} steps" if len(steps) == len(dead) else f"{max(row.lost for row in dead):.2g} times their input"
        count = sum(row.dead for row in dead)
        parts.append(
            f"{count} dead channels of {len(dead)} operators have kernels of zeros and keep their constant: "
            f"what they give changes by at most {most}"
        )
    if coarser := [row for row in rows if row.coarser]:
        parts.append(
            f"{sum(row.coarser for row in coarser)} channels of {len(coarser)} operators have coarser weights, so that "
            f"their constant fits into 32 bits: at most {max(row.coarser_steps or 0.0 for row in coarser):.2g} steps"
        )
    return f"rewritten behind the quantizer: {'; '.join(parts)}" if parts else None


def _channels(kernel: dead_channels.Kernel) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Which channels are dead and which coarser, bool, and the sum of what their weights lost, float64: one for each scale."""
    if kernel.tensor.scales is None:
        raise ValueError(f"{kernel.tensor.name} is not quantized")
    several = kernel.tensor.scales.size > 1
    axes = tuple(axis for axis in range(kernel.values.ndim) if not several or axis != kernel.tensor.quantized_dimension)
    dead = ~flatbuffer.values(kernel.tensor).any(axis=axes)
    needed = dead_channels.needed(kernel)
    coarser = (needed > 0) & (np.abs(kernel.tensor.scales / np.where(needed > 0, needed, 1) - 1) <= _TOLERANCE)
    error = np.abs(flatbuffer.real(kernel.tensor) - kernel.values).sum(axis=axes)
    return np.atleast_1d(dead), np.atleast_1d(coarser & ~dead), np.atleast_1d(error)


def _steps(subgraph: Subgraph, operator: Operator) -> float | None:
    """The largest data that an operator of integers can be given, in steps of what it gives; None for one of floats."""
    data, output = (
        subgraph.tensors[index] for index in (operator.inputs[operators.LINEAR[operator.name].data], operator.outputs[0])
    )
    if data.scales is None or output.scales is None:
        return None
    return _largest(data) / float(output.scales[0])


def _largest(tensor: Tensor) -> float:
    if tensor.scales is None or tensor.zero_points is None:
        raise ValueError(f"{tensor.name} is not quantized")
    limits, zero = np.iinfo(tensor.dtype), int(tensor.zero_points[0])
    return max(zero - int(limits.min), int(limits.max) - zero) * float(tensor.scales[0])
