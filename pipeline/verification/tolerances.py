"""How far a converted file's outputs may be from the network's, derived from its formats instead of chosen.

Every quantity is a ratio, so that the limits suit probabilities and logits alike.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from pipeline.tflite.flatbuffer import Graph, Operator, Tensor
from pipeline.tflite.macs import of_operator

UNIT_ROUNDOFF = 2.0**-24
# Peak over root mean square of what min/max ranges span: about 4 for a channel of weights, 10 for an activation.
CREST_WEIGHTS, CREST_ACTIVATIONS = 4.0, 10.0
# Whatever the formats: with noise of a quarter of the signal's power a file is no copy of the network. Eight bits for inputs of
# 0.001 and 4,000 together simulate to as much, and such a classifier is a coin.
LEAST_DB = 6.0


def accumulated_rounding(graph: Graph) -> float:
    """Rounding of a float32 network as a share of its output: the sum over the operators of sqrt(n) half units in the last place.

    A sum of n products is off by about sqrt(n) roundoffs, as their signs are independent (Higham and Mary, A New Approach to
    Probabilistic Rounding Error Analysis, SIAM J. Sci. Comput. 41(5), 2019), and operators follow each other.
    """
    total = 0.0
    for subgraph in graph.subgraphs:
        for operator in subgraph.operators:
            total += math.sqrt(products(operator, subgraph.tensors))
    return total * UNIT_ROUNDOFF


def products(operator: Operator, tensors: Sequence[Tensor]) -> float:
    """How many products an operator adds up for a value of its result, at least one.

    Args:
        operator: of a file.
        tensors: of its subgraph.
    """
    outputs = sum(max(1, math.prod(abs(n) for n in tensors[output].shape)) for output in operator.outputs)
    return max(1.0, of_operator(operator, tensors) / max(1, outputs))


def expected_sqnr(*, weights: str, activations: str, layers: int) -> float:
    """Signal to quantization noise ratio in decibels that a network of this many layers should keep.

    b bits that span the range +-c r of a signal with root mean square r have steps of 2 c r / 2^b and, with a noise of
    step^2 / 12, a ratio of 3 * 4^b / c^2 (Gersho and Gray, Vector Quantization and Signal Compression, chapter 5).
    float16 keeps 11 bits of every value: its steps follow the value, so c is 1. Noise of weights and activations is independent
    and adds up over the layers.

    Args:
        weights: dtype: float32, float16, int8, int4, ...
        activations: dtype between the layers.
        layers: operators with a kernel, at least one.

    Returns:
        Decibels; infinity for float32.
    """
    noise = max(1, layers) * (_noise(weights, CREST_WEIGHTS) + _noise(activations, CREST_ACTIVATIONS))
    return math.inf if noise == 0 else -10 * math.log10(noise)


def _noise(dtype: str, crest: float) -> float:
    if dtype == "float32":
        return 0.0
    if dtype == "float16":
        return 1 / (3 * 4.0**11)
    return crest**2 / (3 * 4.0 ** int("".join(filter(str.isdigit, dtype))))


def simulated_sqnr(figures: Mapping[str, float | None], *, step: float | None, rounding: float) -> float:
    """Signal to quantization noise ratio in decibels that was simulated; no better than what the output itself can hold, 0 without
    a signal.

    Args:
        figures: of `fidelity.measure`: the network's output beside the same with the file's formats simulated, both finite.
        step: quantization step of the output, which adds step^2 / 12; None when it has none.
        rounding: share of the peak that a float file may be off by.
    """
    rms, peak, simulated = figures["rms"], figures["peak"], figures["sqnr_db"]
    if not rms or peak is None:
        return 0.0
    least = max((step or 0.0) ** 2 / 12, (rounding * peak) ** 2, float(np.finfo(np.float64).tiny))
    finest = 10 * math.log10(rms**2 / least)
    return finest if simulated is None else min(finest, simulated)


def derive(
    figures: Mapping[str, float | None], *, sqnr: float, rounding: float, margin_db: float, step: float | None
) -> dict[str, float]:
    """The limits of one output.

    Args:
        figures: of `fidelity.measure`, for the output's root mean square.
        sqnr: of `simulated_sqnr`, or of `expected_sqnr` where nothing could be simulated; infinity for files without quantization.
        rounding: allowed share of the peak, for files without quantization.
        margin_db: how far below `sqnr` a sound file may lie.
        step: the output's quantization step, None when it has none.

    Returns:
        A limit for each figure that is judged. The mean error can not exceed the root mean square of the noise the ratio allows, to
        which the output's own step adds half of one.
    """
    if math.isinf(sqnr):
        return {"max_abs_error": rounding}
    limit = max(sqnr - margin_db, LEAST_DB)
    limits = {"sqnr_db": limit}
    if step is not None and figures["rms"] is not None:
        limits["mean_steps"] = 0.5 + figures["rms"] * 10 ** (-limit / 20) / step
    return limits


def layers(graph: Graph) -> int:
    """Operators that multiply matrices, each of which adds the noise of its weights and of its output."""
    return sum(of_operator(operator, subgraph.tensors) > 0 for subgraph in graph.subgraphs for operator in subgraph.operators)


def step(graph: Graph, output: str) -> float | None:
    """Quantization step of an output in its own units, None when it is not quantized."""
    tensor = graph.tensors[graph.outputs[output]]
    return None if tensor.scales is None else float(tensor.scales[0])
