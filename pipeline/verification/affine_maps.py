"""Multiplications and additions by constants, batch normalisation among them, as scale and offset."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pipeline.verification.rounded_arithmetic import ONE, ZERO, Constant, combined, product, total


@dataclass(frozen=True, kw_only=True)
class Affine:
    """y = scale * x + offset by channel, both float64 [channels] or [1], with error bounds and variables.

    `operations`: those of the network's graph that it stands for.
    """

    scale: Constant
    offset: Constant
    operations: tuple[str, ...] = ()


IDENTITY = Affine(scale=ONE, offset=ZERO)


def of_operation(
    node: Mapping[str, Any], data: str, known: Mapping[str, Constant], *, channels: int | None = None
) -> Affine | None:
    """An operation as scale and offset of `data`, or None when it is no such thing.

    With `channels`, its constants are flattened to that many entries, or one; without, they keep their shape.
    """
    op, inputs = node["op"], node["inputs"]
    others = [entry for entry in inputs if entry != data]
    if any(entry not in known for entry in others) or len(others) != len(inputs) - 1:
        return None
    name = node["name"]
    if op == "Neg":
        return Affine(scale=Constant(value=-np.ones(1)), offset=ZERO, operations=(name,))
    if op == "FusedBatchNormV3" and inputs[0] == data and not node["attributes"].get("is_training"):
        return _batch_normalization(node, [known[entry] for entry in inputs[1:5]])
    if op not in ("Add", "AddV2", "BiasAdd", "Sub", "Mul", "RealDiv") or len(others) != 1:
        return None
    constant = known[others[0]]
    if not np.issubdtype(constant.value.dtype, np.floating):
        return None
    if channels is not None:
        # Leading axes of one broadcast; what is left must be one value, or one for each channel.
        if constant.value.size not in (1, channels) or (constant.value.ndim > 3 and max(constant.value.shape[:-2]) > 1):
            return None
        constant = _flat(constant)
    return _arithmetic(node, constant, first=inputs[0] == data)


def _flat(constant: Constant) -> Constant:
    error = constant.error if np.ndim(constant.error) == 0 else np.ravel(constant.error)
    return replace(constant, value=constant.value.reshape(-1), error=error)


def _arithmetic(node: Mapping[str, Any], constant: Constant, *, first: bool) -> Affine | None:
    """One operation with a constant; `first`: the data stands before it."""
    operations = (node["name"],)
    match node["op"]:
        case "Mul":
            return Affine(scale=constant, offset=ZERO, operations=operations)
        case "Sub" if first:
            return Affine(scale=ONE, offset=replace(constant, value=-constant.value), operations=operations)
        case "Sub":
            return Affine(scale=Constant(value=-np.ones(1)), offset=constant, operations=operations)
        case "RealDiv":
            return Affine(scale=combined("RealDiv", ONE, constant), offset=ZERO, operations=operations) if first else None
    return Affine(scale=ONE, offset=constant, operations=operations)


def _batch_normalization(node: Mapping[str, Any], parameters: Sequence[Constant]) -> Affine:
    gamma, beta, mean, variance = parameters
    epsilon = Constant(value=np.asarray(np.float32(node["attributes"]["epsilon"]), np.float64))
    scale = product(combined("Rsqrt", total(variance, epsilon)), gamma)
    return Affine(scale=scale, offset=combined("Sub", beta, product(mean, scale)), operations=(node["name"],))


def compose(first: Affine, second: Affine) -> Affine:
    """`second` after `first`."""
    return Affine(
        scale=product(first.scale, second.scale),
        offset=total(product(first.offset, second.scale), second.offset),
        operations=(*first.operations, *second.operations),
    )
