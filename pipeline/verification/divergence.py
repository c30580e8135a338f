"""Where a quantized file leaves the float one: operator by operator, on real samples."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from pipeline.runtime import interpreter
from pipeline.tflite import flatbuffer
from pipeline.tflite.flatbuffer import Graph, Tensor
from pipeline.verification import end_matching, graph_alignment
from pipeline.verification.graph_alignment import Place
from pipeline.verification.stored_values import KERNELS

Values = Mapping[int, np.ndarray]


class Trace(NamedTuple):
    """The tensors of one sample in real units, by number (`interpreter.trace`).

    Attributes:
        expected: of the float32 file.
        found: of the quantized file.
        simulated: of the float32 file with the formats of the other (`expected_noise`); None: not known.
    """

    expected: Values
    found: Values
    simulated: Values | None = None


# A fall in SQNR that one operator causes, from which on it is called the first divergence.
LOSS_DB = 6.0
EXCLUDED = 3
# Of the signal, where values are NaN or infinite, such as the logarithm of 0: -1000 dB.
_ALL = 1e100


def diagnose(
    expected: Graph,
    found: Graph,
    traces: Sequence[Trace],
    layers: Mapping[Place, Sequence[str]],
) -> dict[str, Any]:
    """Where the files diverge, and what to keep in float.

    Args:
        expected, found, traces, layers: of `follow`.

    Returns:
        `n` samples, `operators` (the rows of `follow`), `first` and `exclude_first` (what the functions of that name return).
    """
    rows = follow(expected, found, traces, layers)
    return {
        "n": len(traces),
        "operators": rows,
        "first": first(rows, loss_db=LOSS_DB),
        "exclude_first": exclude_first(rows, count=EXCLUDED),
    }


def traces(
    float32: bytes,
    model: bytes,
    samples: Mapping[str, np.ndarray],
    numbers: Sequence[int],
    *,
    batch: int,
    ends: end_matching.Ends | None = None,
    simulated: bytes | None = None,
) -> list[Trace]:
    """Every tensor of the files for some samples.

    Args:
        float32, model, simulated: .tflite files.
        samples: inputs [n, ...] by name.
        numbers: of the samples.
        batch: samples that both files take at once; each sample is repeated to fill it.
        ends: what the inputs are called in `model`; None: as in `float32`.
    """
    names = {name: name for name in samples} if ends is None else ends.inputs
    found = []
    for number in numbers:
        sample = {name: np.asarray(array[[number] * batch]) for name, array in samples.items()}
        theirs = {names[name]: array for name, array in sample.items()}
        ideal = None if simulated is None else interpreter.trace(simulated, sample)
        found.append(Trace(interpreter.trace(float32, sample), interpreter.trace(model, theirs), ideal))
    return found


def follow(
    expected: Graph,
    found: Graph,
    traces: Sequence[Trace],
    layers: Mapping[Place, Sequence[str]],
) -> list[dict[str, Any]]:
    """Compare what both files compute, in the order of the float32 file's operators.

    Args:
        expected: the float32 file; only the signature's own subgraph is followed, not the bodies of loops.
        found: the quantized file.
        traces: of some samples.
        layers: paths of layers by operator of the float32 file.

    Returns:
        A row for each operator that both have: `operator`, `layers`, `tensor` (its first output's name in the float32 file), and
        in decibels, None when there is no error:

        - `sqnr_db`: of its output, all errors before it included; `expected_db`: the same in the simulation, None without;
        - `weight_db`: of its kernel's values alone;
        - `activation_db`: of the float output when only it is put into the quantized file's output format: resolution and range.

        `noise` is the sum of the last two as a share of the signal's power: what this operator adds by itself.
    """
    aligned = graph_alignment.align(expected, found)
    rows = []
    for index, operator in enumerate(expected.operators):
        place = (expected.main, index)
        output = operator.outputs[0] if operator.outputs else -1
        at = aligned.tensors.get((expected.main, output))
        if place not in aligned.operators or at is None or expected.tensors[output].dtype != "float32":
            continue
        known = [trace for trace in traces if output in trace.expected and at[1] in trace.found]
        pairs = [(trace.expected[output], trace.found[at[1]]) for trace in known]
        if not pairs or any(a.shape != b.shape for a, b in pairs):
            continue
        signal = _noise((np.zeros(a.shape), a) for a, _ in pairs)
        ideal = [(trace.expected[output], trace.simulated[output]) for trace in known if trace.simulated is not None]
        tensor = found.tensors[at[1]]
        # No better than the tensor's own resolution.
        least = sum(a.size for a, _ in ideal) * (0.0 if tensor.scales is None else float(tensor.scales[0]) ** 2 / 12)
        weight = _kernel(expected, found, aligned, index)
        activation = _share(_noise((a, _rounded(a, tensor)) for a, _ in pairs), signal)
        rows.append(
            {
                "operator": operator.name,
                "layers": list(layers.get(place, ())),
                "tensor": expected.tensors[output].name,
                "sqnr_db": _decibels(_share(_noise(pairs), signal)),
                "expected_db": _decibels(_share(max(_noise(ideal), least), signal)) if ideal else None,
                "weight_db": _decibels(weight),
                "activation_db": _decibels(activation),
                "noise": weight + activation,
            }
        )
    return rows


def first(rows: Sequence[Mapping[str, Any]], *, loss_db: float) -> Mapping[str, Any] | None:
    """The first row whose SQNR lies this much below what was simulated, and at least half as much as that of any row.

    Without a simulation: the first that lies this much below the lowest before it. None when there is none.
    """
    if any(row["expected_db"] is not None for row in rows):
        known = [row for row in rows if row["sqnr_db"] is not None and row["expected_db"] is not None]
        lost = [row["expected_db"] - row["sqnr_db"] for row in known]
        # An integer kernel, or a sample beyond its range, costs some decibels before what is really wrong.
        limit = max(loss_db, max(lost, default=0.0) / 2)
        return next((row for row, loss in zip(known, lost, strict=True) if loss > limit), None)
    lowest = None
    for row in rows:
        if row["sqnr_db"] is None:
            continue
        if lowest is not None and row["sqnr_db"] < lowest - loss_db:
            return row
        lowest = row["sqnr_db"] if lowest is None else min(lowest, row["sqnr_db"])
    return None


def exclude_first(rows: Sequence[Mapping[str, Any]], *, count: int) -> list[dict[str, Any]]:
    """The layers that add most noise by themselves: what to keep in float first.

    Returns:
        `layer`, `noise` (summed over its operators) and `tensors` (outputs of its operators, by which recipes name them), the
        noisiest first; operators that belong to no layer go by their tensor's name.
    """
    noise: dict[str, float] = {}
    tensors: dict[str, list[str]] = {}
    for row in rows:
        # The layer with the kernel stands first among those fused into an operator.
        name = row["layers"][0] if row["layers"] else row["tensor"]
        noise[name] = noise.get(name, 0.0) + row["noise"]
        tensors.setdefault(name, []).append(row["tensor"])
    ranked = sorted((name for name in noise if noise[name] > 0), key=lambda name: (-noise[name], name))
    return [{"layer": name, "noise": noise[name], "tensors": tensors[name]} for name in ranked[:count]]


def _kernel(expected: Graph, found: Graph, aligned: graph_alignment.Alignment, index: int) -> float:
    """Power of the error of an operator's kernel over the kernel's own; 0 without a kernel."""
    operator = expected.operators[index]
    if operator.name not in KERNELS:
        return 0.0
    place = KERNELS[operator.name][0]
    at = aligned.constants.get((expected.main, index, place))
    if at is None:
        return 0.0
    ours, theirs = expected.tensors[operator.inputs[place]], found.subgraphs[at[0]].tensors[at[1]]
    if ours.shape != theirs.shape:
        return 0.0
    a = flatbuffer.real(ours)
    return _share(_noise([(a, flatbuffer.real(theirs))]), float(np.sum(np.square(a, dtype=np.float64))))


def _rounded(values: np.ndarray, tensor: Tensor) -> np.ndarray:
    """Float values in the format of an activation and back, float64."""
    values = values.astype(np.float64)
    if tensor.scales is None or tensor.zero_points is None or tensor.dtype not in ("int8", "int16"):
        return values
    scale, zero = float(tensor.scales[0]), int(tensor.zero_points[0])
    limits = np.iinfo(tensor.dtype)
    return (np.clip(np.rint(values / scale) + zero, limits.min, limits.max) - zero) * scale


def _noise(pairs: Iterable[tuple[np.ndarray, np.ndarray]]) -> float:
    with np.errstate(invalid="ignore", over="ignore"):
        return sum(float(np.sum(np.square(b.astype(np.float64) - a))) for a, b in pairs)


def _share(noise: float, signal: float) -> float:
    """Noise as a share of the signal's power; 0 without a signal."""
    if not (np.isfinite(noise) and np.isfinite(signal)):
        return _ALL
    return min(noise / signal, _ALL) if signal > 0 else 0.0


def _decibels(share: float) -> float | None:
    return float(-10 * np.log10(share)) if share > 0 else None
