"""Do the scales of quantized constants follow from their values, or at least hold them as well as scales of min/max would?

Quantizers choose the scale of the values that share it (a channel, a block, a tensor) by one of few rules, and each was found to be
kept exactly (1,100 files of litert-quantizer 0.11 and TensorFlow 2.21: to 1e-5, blocks to the 8 bits of bfloat16):

- "min_max": max |w| / largest code, or with a zero point (max - min) / (2^bits - 1), zero held;
- "mse": a constant times the root mean square; the constant is that of a normal distribution;
- "octav": the fixed point of equation 6 of Sakr et al. 2022 (https://arxiv.org/abs/2206.06501), ten steps from 1.

A file whose scales are of one rule has no others but min/max. A file of no known rule (training with fake quantization, another
tool) is judged by the noise its scales cause. Min/max gives each of n values an error that is uniform over its step s: a squared
error of n s^2 / 12 on average, with a standard deviation of s^2 sqrt(n / 180), and at most n s^2 / 4. A rule that looks for less
error has less, and a scale that is too coarse by f has f^2 times as much; one that clips soon has far more. So up to four times
what min/max may have, five deviations included, is sound: one bit. It is asked of each group by itself.

Two things may make a scale coarser than its weights. A bias of 32 bits has the product of the data's and the kernel's scale, and no
finer one than 2 |b| / 2^31 holds it; what is lost with it the accumulator could not tell from the bias either. And weights that are
nothing beside the layer's (folded channels of 1e-33) need no codes at all: quantizers stop at some least scale (1e-9 / 127 in
litert-quantizer, 5e-7 / 127 in the converter). How they choose it plays no part here, only what is lost by it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from pipeline.tflite import flatbuffer
from pipeline.tflite.flatbuffer import Tensor
from pipeline.verification import stored_layout, stored_values

MIN_MAX, MSE, OCTAV, OTHER = "min_max", "mse", "octav", "other"
# How far a scale may be from the rule's: weights folded by another converter differ in the last places, float32 sums have another
# order, and the steps of octav end at a tolerance of 1e-5.
_TOLERANCES = {MIN_MAX: 2e-6, MSE: 1e-5, OCTAV: 1e-4}
# Scales of blocks are rounded to bfloat16, which has 8 bits.
_BFLOAT16 = 2.0**-8
# Steps in units of the root mean square that lose least of a normal distribution: litert-quantizer's, by bits.
_NORMAL = {8: 0.05408, 4: 0.37755}
_LARGEST = {"int2": 1, "int4": 7, "int8": 127, "int16": 32767}
_OCTAV_STEPS = 10
# Four times the squared error of min/max, and five standard deviations of it.
_NOISE, _DEVIATIONS = 4.0, 5.0


@dataclass(frozen=True, kw_only=True)
class Weighed:
    """The scales of a constant beside its values; one entry for each scale.

    Attributes:
        matches: bool by rule: whether the scale is what it asks for.
        ratio: of the scale to that of min/max; NaN where all values are zero.
        noise: squared error in units of what is sound; infinite where min/max has no error.
        clipped: share of the values that the codes cannot express.
        lost: the largest error.
        largest: the largest value.
    """

    matches: Mapping[str, np.ndarray]
    ratio: np.ndarray
    noise: np.ndarray
    clipped: np.ndarray
    lost: np.ndarray
    largest: np.ndarray

    def negligible(self) -> np.ndarray:
        """Scales with which nothing is lost that counts beside the largest value of the constant."""
        return np.asarray(self.lost <= stored_values.NEGLIGIBLE * self.largest.max(initial=0.0))


def weigh(expected: np.ndarray, found: Tensor) -> Weighed:
    """The scales of a constant beside the values it should hold.

    Args:
        expected: float32, the shape of `found`.
        found: a constant with scales, of at most 16 bits, in which `stored_layout.malformed` finds nothing.
    """
    if found.scales is None or found.zero_points is None:
        raise ValueError(f"{found.name} is not quantized")
    values = grouped(expected.astype(np.float64), found)
    scales = found.scales.astype(np.float64)
    error = grouped(flatbuffer.real(found), found) - values
    bits = stored_layout.bits_of(found.dtype)
    low, high = stored_layout.limits(found.dtype)
    zero = np.broadcast_to(found.zero_points, scales.shape)[:, None]
    symmetric = found.dtype in _LARGEST and not np.any(zero)
    largest = np.abs(values).max(axis=1)
    span = np.maximum(values.max(axis=1), 0) - np.minimum(values.min(axis=1), 0)
    step = largest / _LARGEST[found.dtype] if symmetric else span / (high - low)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        exact = values / scales[:, None] + zero
        outside = np.where(scales[:, None] > 0, (exact > high + 0.5) | (exact < low - 0.5), False)
        ratio = np.where(step > 0, scales / step, np.nan)
        noise = np.sum(error * error, axis=1) / (_NOISE * _sound_noise(step, values.shape[1]))
    noise = np.where(np.isnan(noise), 0.0, noise)
    asked = {MIN_MAX: step}
    if symmetric and bits in _NORMAL:
        asked |= {MSE: _NORMAL[bits] * np.sqrt(np.mean(values * values, axis=1))}
        asked |= {OCTAV: np.minimum(_octav(values, bits), largest) / _LARGEST[found.dtype]}
    matches = {}
    for rule, wanted in asked.items():
        tolerance = _BFLOAT16 if found.block else _TOLERANCES[rule]
        matches[rule] = np.abs(scales - wanted) <= tolerance * wanted
    # A zero point in the wrong place clips, whatever the scale.
    matches[MIN_MAX] = (matches[MIN_MAX] & ~outside.any(axis=1)) | (largest == 0)
    return Weighed(
        matches=matches, ratio=ratio, noise=noise, clipped=outside.mean(axis=1), lost=np.abs(error).max(axis=1), largest=largest
    )


def grouped(values: np.ndarray, tensor: Tensor) -> np.ndarray:
    """The values of a tensor, those that share a scale in one row: [scales, values]."""
    if tensor.scales is None:
        raise ValueError(f"{tensor.name} is not quantized")
    if tensor.block:
        axis = tensor.quantized_dimension
        shape = [*tensor.shape[:axis], tensor.shape[axis] // tensor.block, tensor.block, *tensor.shape[axis + 1 :]]
        return np.moveaxis(values.reshape(shape), axis + 1, -1).reshape(-1, tensor.block)
    if tensor.scales.size == 1:
        return values.reshape(1, -1)
    return np.moveaxis(values, tensor.quantized_dimension, 0).reshape(tensor.scales.size, -1)


def bound_by_bias(kernel: Tensor, bias: np.ndarray | None, data: Tensor | None) -> np.ndarray:
    """The finest scale of each output channel with which 32 bits hold the bias; 0 where there is none.

    The converter leaves a bias half of the range: AdjustWeightsForBiasScale in tensorflow/lite/tools/optimize/quantization_utils.cc

    Args:
        kernel: quantized.
        bias: float32 [channels]; None: none.
        data: what the kernel meets; its scale counts.

    Returns:
        float64, one for each scale of the kernel.
    """
    if kernel.scales is None:
        raise ValueError(f"{kernel.name} is not quantized")
    if bias is None or bias.size == 0 or data is None or data.scales is None or not data.scales[0] > 0:
        return np.zeros(kernel.scales.shape)
    needed = 2 * np.abs(bias.astype(np.float64).ravel()) / (float(data.scales[0]) * (2**31 - 1))
    if kernel.scales.size == needed.size and not kernel.block:
        return needed
    return np.full(kernel.scales.shape, needed.max() if kernel.scales.size == 1 else 0.0)


def _sound_noise(step: np.ndarray, count: int) -> np.ndarray:
    """Squared error of `count` values rounded to steps, five standard deviations above the mean."""
    return step * step * min(count / 4, count / 12 + _DEVIATIONS * np.sqrt(count / 180))


def _octav(values: np.ndarray, bits: int) -> np.ndarray:
    """Where to clip each row: Newton's method on the sum of clipping and rounding error, in float32 as litert-quantizer has it."""
    magnitude = np.abs(values).astype(np.float32)
    rounding = np.float32(4.0**-bits / 3)
    guess = np.ones((len(values), 1), np.float32)
    for _ in range(_OCTAV_STEPS):
        last, above = guess, magnitude >= guess
        beyond = np.sum(magnitude, axis=1, keepdims=True, where=above, dtype=np.float32)
        guess = beyond / (above.sum(axis=1, keepdims=True) * (1 - rounding) + rounding * values.shape[1]).astype(np.float32)
        if np.allclose(last, guess):
            break
    return guess[:, 0].astype(np.float64)
