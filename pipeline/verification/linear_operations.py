"""The network's operations with a constant kernel, and the ways to fold what stands before and after into kernel and bias.

A converter moves multiplications and additions by constants into the kernel and bias of the linear operation beside them.
"""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pipeline.verification.affine_maps import IDENTITY, Affine, compose, of_operation
from pipeline.verification.rounded_arithmetic import UNIT, Constant, product, total

# Operations behind which a multiplication or an addition may still be folded.
_PASS = ("Reshape", "Squeeze", "ExpandDims", "BatchToSpaceND", "SpaceToBatchND", "Identity")
LONGEST_RUN = 8

Readers = Mapping[str, Sequence[Mapping[str, Any]]]


@dataclass(frozen=True, kw_only=True)
class Linear:
    """A linear operation with a constant kernel, and what stands before and after it: one entry for each way to fold.

    `kernel` has TensorFlow's layout; `axes` are the kernel's axes that make up the output channels, in order.
    """

    node: str
    op: str
    kernel: Constant
    axes: tuple[int, ...]
    before: list[Affine]
    after: list[Affine]


def readers(nodes: Sequence[Mapping[str, Any]]) -> Readers:
    """The operations that read each tensor, by reference."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for node in nodes:
        for reference in dict.fromkeys(node["inputs"]):
            found.setdefault(reference, []).append(node)
    return found


def linears(nodes: Sequence[Mapping[str, Any]], known: Mapping[str, Constant]) -> list[Linear]:
    """Every linear operation whose kernel is constant, with the ways to fold its neighbours into it."""
    reading, making = readers(nodes), {node["name"]: node for node in nodes}
    rows = []
    for node in nodes:
        found = _kernel(node, known)
        if found is None or f"{node['name']}:0" in known:
            continue
        kernel, axes, data = found
        channels = int(np.prod([kernel.value.shape[axis] for axis in axes]))
        after = list(_downstream(reading, known, f"{node['name']}:0", channels))
        before = [IDENTITY]
        if node["op"] in ("MatMul", "BatchMatMulV2", "BatchMatMul", "Conv2D", "Conv3D"):
            before = list(_upstream(making, known, data, kernel.value.shape[-2]))
        if node["op"] in ("Conv2D", "Conv3D"):
            # An offset would meet the zeros of the padding: only scales move into a convolution.
            before = [way for way in before if not np.any(way.offset.value)]
        rows.append(Linear(node=node["name"], op=node["op"], kernel=kernel, axes=axes, before=before, after=after))
    return rows


def folded(linear: Linear, before: Affine, after: Affine) -> tuple[Callable[[], Constant], Constant]:
    """Kernel and bias of a linear operation with its neighbours folded in.

    Returns:
        A function that computes the kernel, in TensorFlow's layout, as it may be large; and the bias [channels].
    """
    kernel = linear.kernel
    channels = [kernel.value.shape[axis] if axis in linear.axes else 1 for axis in range(kernel.value.ndim)]

    def spread(constant: Constant, shape: Sequence[int]) -> Constant:
        if constant.value.size == 1:
            return constant
        error = constant.error if np.ndim(constant.error) == 0 else np.reshape(constant.error, shape)
        return replace(constant, value=constant.value.reshape(shape), error=error)

    def compute() -> Constant:
        result = kernel
        if before.operations:
            result = product(result, spread(before.scale, (-1, 1)))
        if after.operations:
            result = product(result, spread(after.scale, channels))
        return result

    bias = after.offset
    if before.operations and np.any(before.offset.value):
        matrix = kernel.value.astype(np.float64)
        vector = np.broadcast_to(before.offset.value, matrix.shape[-2:-1])
        value = vector @ matrix
        error = np.broadcast_to(before.offset.error, vector.shape) @ np.abs(matrix)
        error = error + matrix.shape[-2] * UNIT * (np.abs(vector) @ np.abs(matrix))
        carried = Constant(value=value, error=error, variables=before.offset.variables | kernel.variables)
        bias = total(product(carried, after.scale), after.offset)
    return compute, bias


def without_each(linear: Linear, after: Affine) -> Iterator[tuple[str, np.ndarray]]:
    """The bias that an operation would have if one of the additions folded into it had been forgotten.

    Args:
        linear: the operation.
        after: one of its ways to fold what stands behind it.

    Yields:
        The name of the addition, and the bias without it, float64 [channels] or [1].
    """
    run = [way for way in linear.after if way.operations == after.operations[: len(way.operations)]]
    run.sort(key=lambda way: len(way.operations))
    for before, behind in itertools.pairwise(run):
        if behind.operations[:-1] == before.operations and np.array_equal(before.scale.value, behind.scale.value):
            with np.errstate(divide="ignore", invalid="ignore"):
                carried = (behind.offset.value - before.offset.value) * (after.scale.value / behind.scale.value)
            if np.any(carried) and np.isfinite(carried).all():
                yield behind.operations[-1], after.offset.value - carried


def _kernel(node: Mapping[str, Any], known: Mapping[str, Constant]) -> tuple[Constant, tuple[int, ...], str] | None:
    """Kernel in TensorFlow's layout, its output axes, and the reference of the data; None for another operation."""
    op, inputs, attributes = node["op"], node["inputs"], node["attributes"]
    if op in ("Conv2D", "Conv3D", "DepthwiseConv2dNative") and inputs[1] in known:
        kernel = known[inputs[1]]
        return kernel, (2, 3) if op == "DepthwiseConv2dNative" else (kernel.value.ndim - 1,), inputs[0]
    if op in ("Conv2DBackpropInput", "Conv3DBackpropInputV2") and inputs[1] in known:
        return known[inputs[1]], (known[inputs[1]].value.ndim - 2,), inputs[2]
    if op in ("MatMul", "BatchMatMulV2", "BatchMatMul") and inputs[1] in known and known[inputs[1]].value.ndim >= 2:
        kernel = known[inputs[1]]
        if attributes.get("transpose_b") or attributes.get("adj_y"):
            kernel = replace(kernel, value=np.swapaxes(kernel.value, -1, -2), error=0.0)
        return kernel, (kernel.value.ndim - 1,), inputs[0]
    return None


def _downstream(readers: Readers, known: Mapping[str, Constant], start: str, channels: int) -> Iterator[Affine]:
    """What may be folded into an operation from behind it: nothing, one operation, two, and so on."""
    yield IDENTITY
    states = [(IDENTITY, start, 0)]
    while states:
        affine, at, passed = states.pop()
        for node in readers.get(at, ()):
            if node["op"] in _PASS and node["inputs"][0] == at:
                if passed < LONGEST_RUN:
                    states.append((affine, f"{node['name']}:0", passed + 1))
                continue
            following = of_operation(node, at, known, channels=channels)
            if following is not None and len(affine.operations) < LONGEST_RUN:
                joined = compose(affine, following)
                yield joined
                states.append((joined, f"{node['name']}:0", passed))


def _upstream(
    makers: Mapping[str, Mapping[str, Any]], known: Mapping[str, Constant], reference: str, channels: int
) -> Iterator[Affine]:
    """What may be folded into an operation from before it: nothing, one operation, two, and so on."""
    yield IDENTITY
    affine = IDENTITY
    for _ in range(2 * LONGEST_RUN):
        node = makers.get(reference.split(":")[0])
        if node is None:
            return
        if node["op"] in (*_PASS, "Pad"):
            reference = node["inputs"][0]
            continue
        data = [entry for entry in node["inputs"] if entry not in known]
        preceding = of_operation(node, data[0], known, channels=channels) if len(data) == 1 else None
        if preceding is None:
            return
        affine = compose(preceding, affine)
        yield affine
        reference = data[0]
