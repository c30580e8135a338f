"""The noise that a sound file of these formats has on these samples: measured, by running the float32 file with them simulated."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from pipeline.runtime import interpreter
from pipeline.tflite import flatbuffer
from pipeline.tflite.flatbuffer import Graph
from pipeline.tflite.macs import macs
from pipeline.verification import fidelity, simulated_quantization

# Samples are as many as this many multiply-accumulates allow, but so many at least and at most: seconds on two cores.
_BUDGET = 2e10
_LEAST, _MOST = 32, 512
# A sound file was calibrated on other samples, and few of them: ranges are taken from so many, drawn several times, of which the
# noisiest counts.
_CALIBRATED, _DRAWS, _SEED = 16, 4, 0


@dataclass(frozen=True, kw_only=True)
class Simulation:
    """The float32 file with the formats of another.

    Attributes:
        model: .tflite file, whose tensors have the numbers that they have in the float32 file.
        numbers: int64 [k], the samples whose ranges it was made for.
        outputs: what it makes of these, [k, ...] by the network's names.
        samples: inputs [n, ...] by name, all of them.
    """

    model: bytes
    numbers: np.ndarray
    outputs: dict[str, np.ndarray]
    samples: Mapping[str, np.ndarray]

    def run(self, at: np.ndarray) -> dict[str, np.ndarray]:
        """Its outputs for some of the samples: [len(at), ...] by name."""
        return interpreter.predict(self.model, {name: array[at] for name, array in self.samples.items()}, workers=1)


def numbers(expected: Graph, count: int) -> np.ndarray:
    """Which samples of `count` to simulate on, spread evenly: int64 [k]."""
    cost = max(1, sum(macs(expected).values()))
    return fidelity.evenly(count, max(_LEAST, min(_MOST, int(_BUDGET / cost))))


def simulate(
    float32: bytes,
    expected: Graph,
    found: Graph,
    samples: Mapping[str, np.ndarray],
    reference: Mapping[str, np.ndarray],
    at: np.ndarray,
    *,
    batch: int,
    own_weights: bool,
) -> Simulation | str:
    """Run the float32 file with the formats of a quantized one, with ranges of a few of the samples.

    What lies outside the ranges of a sound calibration is cut off as well: of several draws the noisiest counts.

    Args:
        float32: .tflite file.
        expected: the same, read.
        found: the quantized file.
        samples: inputs [n, ...] by name.
        reference: the network's outputs [n, ...] by name.
        at: numbers of the samples to look at, [k].
        batch: samples that the file takes at once; each is repeated to fill it.
        own_weights: constants of `found` whose scales were chosen otherwise than by the largest value are taken as they are,
            instead of rounding those of the float32 file.

    Returns:
        The simulation, or why there is none.
    """
    wanted = simulated_quantization.formats(expected, found)
    if wanted.unknown is not None:
        return wanted.unknown
    chosen = {name: array[at] for name, array in samples.items()}
    ends = _ends(float32, expected, chosen, simulated_quantization.measured(expected, wanted), batch=batch)
    if not all(np.isfinite(rows).all() for rows in ends.values()):
        return "the network itself computes NaN or infinity"
    stored = _otherwise(expected, found, wanted) if own_weights else {}
    rng, worst = np.random.default_rng(_SEED), None
    for _ in range(_DRAWS if ends and len(at) > _CALIBRATED else 1):
        drawn = rng.permutation(len(at))[:_CALIBRATED]
        ranges = {number: (float(rows[drawn, 0].min()), float(rows[drawn, 1].max())) for number, rows in ends.items()}
        model = simulated_quantization.simulate(float32, expected, wanted, ranges, stored)
        made = Simulation(model=model, numbers=at, outputs=interpreter.predict(model, chosen, workers=1), samples=samples)
        figures = [fidelity.measure(reference[name][at], array) for name, array in made.outputs.items()]
        if any(row["finite"] == 0 for row in figures):
            return "with its formats the network computes NaN or infinity"
        noise = sum((row["relative_l2"] or 0.0) ** 2 for row in figures)
        if worst is None or noise > worst[0]:
            worst = noise, made
    assert worst is not None
    return worst[1]


def _otherwise(
    expected: Graph, found: Graph, wanted: simulated_quantization.Formats
) -> dict[simulated_quantization.Slot, np.ndarray]:
    """Constants in real units, by (subgraph, tensor) of the float32 file, that have other scales in the other."""
    stored = {}
    for (number, index), (sub, at) in wanted.stored.items():
        ours, theirs = expected.subgraphs[number].tensors[index], found.subgraphs[sub].tensors[at]
        if theirs.scales is not None and ours.shape == theirs.shape:
            values, exact = flatbuffer.real(theirs), flatbuffer.real(ours)
            # Rounding alone is half a step.
            if (np.abs(values - exact) > 0.75 * simulated_quantization.steps(exact, *wanted.constants[number, index])).any():
                stored[number, index] = values
    return stored


def _ends(
    float32: bytes, expected: Graph, samples: Mapping[str, np.ndarray], wanted: set[int], *, batch: int
) -> dict[int, np.ndarray]:
    """Least and greatest value of tensors of the main subgraph for each sample: float64 [k, 2] by number."""
    names = {expected.tensors[number].name: number for number in sorted(wanted)}
    found: dict[int, list[tuple[float, float]]] = {}
    count = len(next(iter(samples.values())))
    rows = ({name: np.repeat(array[i : i + 1], batch, 0) for name, array in samples.items()} for i in range(count))
    for values in interpreter.activations(float32, rows, names):
        for name, array in values.items():
            if array.size:
                found.setdefault(names[name], []).append((float(array.min()), float(array.max())))
    return {number: np.array(rows) for number, rows in found.items()}
