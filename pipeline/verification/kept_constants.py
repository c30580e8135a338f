"""Channels that are said to have no weights to speak of: is what is left of them right, that is their constant?

Where a kernel is nothing beside the layer's (`constant_scales.Weighed.negligible`), its scale says nothing of the weights. It still
decides about the constant: a bias has the product of it and the data's scale, and a coarse one rounds it, down to zero, with a
code that is the nearest. So both are measured in what they do to the output, in its own steps:

- the constant, between the ends that the output can express, as LiteRT computes it. Its kernels multiply sums by
  data scale * kernel scale / output scale, and take 0 for less than 2^-32 (QuantizeMultiplier in
  tensorflow/lite/kernels/internal/quantization_util.cc);
- what the weights lost, with the largest data that their format can express: a bound, whatever the samples.

Rounding to the output's steps costs half of one. Half a step more is one bit at the most, as it is allowed to scales of no known
rule (`constant_scales`).

Where a whole layer is dead, no weight is nothing beside the largest. Then it is nothing beside its constant, or the steps (`idle`).
"""

from typing import NamedTuple

import numpy as np

from pipeline.tflite import flatbuffer
from pipeline.tflite.flatbuffer import Tensor
from pipeline.verification import constant_scales, stored_layout, stored_values

# In steps of the output.
LIMIT = 0.5
_LEAST_MULTIPLIER = 2.0**-32
# Beside the constant in a file that computes with floats: data would have to be larger than 256 before one rounding of float32,
# 2^-24 of the constant, shows it. In a file of integers it is a share of a step, whatever the data.
_BESIDE_CONSTANT, _OF_STEP = 2.0**-32, 2.0**-8


class Off(NamedTuple):
    """How far the output of each channel may lie from the network's, in steps of the output: float64, one for each scale.

    `constant`: for the sake of its constant; `weights`: for what its weights lost.
    """

    constant: np.ndarray
    weights: np.ndarray


def steps_off(
    kernel: Tensor, expected: np.ndarray, *, constant: np.ndarray | None, bias: Tensor | None, data: Tensor | None, output: Tensor
) -> Off | None:
    """What an operator of integers makes of constant and weights; None where it computes with floats.

    Args:
        kernel: quantized, as the file has it.
        expected: the float32 kernel, of its shape.
        constant: the float32 bias [channels]; None: there is none.
        bias: as the file has it; None: it has none.
        data: what the kernel meets.
        output: of the operator.
    """
    if kernel.scales is None or kernel.block or data is None or not _scale(data) or not _scale(output):
        return None
    if bias is not None and bias.data is not None and stored_layout.malformed(bias) is not None:
        return None  # a fault of its own
    largest, step = max(map(abs, stored_layout.value_range(data))), _scale(output)
    should = np.zeros(1) if constant is None else constant.astype(np.float64).ravel()
    does = np.zeros(1) if bias is None or bias.data is None else flatbuffer.real(bias).ravel()
    computed = kernel.scales.astype(np.float64) * _scale(data) / step >= _LEAST_MULTIPLIER
    if len({should.size, does.size, computed.size} - {1}) > 1:
        return None  # of other channels: a fault of its own
    low, high = stored_layout.value_range(output)
    apart = np.abs(np.clip(np.where(computed, does, 0.0), low, high) - np.clip(should, low, high))
    apart = apart.max(keepdims=True) if computed.size == 1 else np.broadcast_to(apart, computed.shape)
    return Off(constant=apart / step, weights=_lost(kernel, expected) * largest / step)


def _scale(tensor: Tensor) -> float:
    """The scale of an activation; 0 of one in float."""
    return 0.0 if tensor.scales is None or tensor.dtype not in stored_values.ACTIVATIONS else float(tensor.scales[0])


def idle(kernel: Tensor, expected: np.ndarray, *, constant: np.ndarray | None, off: Off | None) -> np.ndarray:
    """Channels of which the constant alone is ever seen, so that any scale does for the weights; bool, one for each scale.

    Args:
        kernel, expected, constant: as in `steps_off`.
        off: of `steps_off`.
    """
    if off is not None:
        return np.asarray(off.constant + off.weights <= _OF_STEP)
    weights = _lost(kernel, expected)
    beside = np.zeros(1) if constant is None else np.abs(constant.astype(np.float64)).ravel()
    if kernel.block or beside.size not in (1, weights.size):
        return np.zeros(weights.shape, bool)
    return np.asarray((beside > 0) & (weights <= _BESIDE_CONSTANT * beside))


def lost(scales: np.ndarray, off: np.ndarray) -> str | None:
    """In words what is wrong with channels whose weights say nothing; None: nothing.

    Args:
        scales: of the kernel.
        off: steps of `steps_off`, 0 for other channels.
    """
    count, worst = int(np.sum(off > LIMIT)), int(np.argmax(off))
    if not count:
        return None
    more = f" (and {count - 1} more)" if count > 1 else ""
    return (
        f"channel {worst} has no weights to speak of, and its constant is not kept: with a scale of {scales[worst]:.3g} "
        f"the output is {off[worst]:.3g} of its steps off, at most {LIMIT}{more}"
    )


def _lost(kernel: Tensor, expected: np.ndarray) -> np.ndarray:
    """The sum of what the weights of each scale lost, float64."""
    return constant_scales.grouped(np.abs(flatbuffer.real(kernel) - expected.astype(np.float64)), kernel).sum(axis=1)
