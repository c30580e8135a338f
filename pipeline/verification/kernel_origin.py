"""Where kernel and bias of an operator come from: which linear operation of the network, with what folded into it."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from pipeline.tflite import flatbuffer, operators
from pipeline.tflite.flatbuffer import Operator, Tensor
from pipeline.verification import recomputed_value
from pipeline.verification.affine_maps import Affine
from pipeline.verification.linear_operations import Linear, folded, without_each
from pipeline.verification.recomputed_value import CONVERTER, EXACT, FOLDED, LAYOUT
from pipeline.verification.rounded_arithmetic import Constant


class _Explanation(NamedTuple):
    """A linear operation that may stand behind an operator, with a way to fold its neighbours, and how well it fits.

    `score`: how many of kernel and bias are wrong, not named, and how far kernel and bias are off; less is better.
    """

    score: tuple[int, bool, float, float]
    linear: Linear
    before: Affine
    after: Affine
    kernel: Constant
    bias: Constant

    @property
    def operations(self) -> tuple[str, ...]:
        return (*self.before.operations, *self.after.operations)


def explain(
    operator: Operator, constants: Mapping[int, Tensor], names: set[str], linears: Sequence[Linear], claimed: set[str]
) -> dict[int, dict[str, Any]] | None:
    """Kernel and bias against the linear operations of the network: fields of `constant_origin.Row` by input.

    Args:
        operator: of `operators.LINEAR`.
        constants: its constant inputs by number, the kernel among them.
        names: of its tensors.
        linears: of the network.
        claimed: operations that explain another operator already; that of this one is added.

    Returns:
        None when no operation has a kernel of this many entries.
    """
    at, bias_at, _, axes = operators.LINEAR[operator.name]
    kernel = flatbuffer.values(constants[at]).transpose(axes)
    bias = flatbuffer.values(constants[bias_at]) if bias_at in constants else None
    candidates = [linear for linear in linears if linear.kernel.value.size == kernel.size]
    candidates.sort(key=lambda linear: (not _named(linear, names), linear.node in claimed))
    best: _Explanation | None = None
    for linear in candidates:
        best = _better(best, linear, kernel, bias, named=_named(linear, names))
        if best is not None and best.score[0] == 0:
            break
    if best is None:
        return None
    claimed.add(best.linear.node)
    rows = {at: _kernel_row(kernel, best, reordered=axes != tuple(range(len(axes))))}
    if rows[at]["kind"] == FOLDED:
        # Computed when it is asked for: a kernel may be large.
        way = best.linear, best.before, best.after
        rows[at]["slack"] = lambda: recomputed_value.slack(folded(*way)[0](), axes, constants[at].shape)
    if bias is not None:
        rows[bias_at] = _bias_row(bias, best) | {"lost": dict(without_each(best.linear, best.after))}
        if rows[bias_at]["kind"] == FOLDED:
            spread = replace(best.bias, value=np.broadcast_to(best.bias.value, bias.shape))
            rows[bias_at]["slack"] = lambda: recomputed_value.slack(spread, range(bias.ndim), bias.shape)
    elif np.any(best.bias.value != 0):
        reason = f"there is no bias; expected one from {recomputed_value.scopes(best.operations)}"
        rows[at] |= {"passed": False, "reason": reason}
    elif best.bias.variables:
        # A bias of zeros need not be stored.
        rows[at]["variables"] = sorted({*rows[at]["variables"], *best.bias.variables})
        rows[at]["transformation"] += ", a bias of zeros left out"
    return rows


def _better(
    best: _Explanation | None, linear: Linear, kernel: np.ndarray, bias: np.ndarray | None, *, named: bool
) -> _Explanation | None:
    """The best explanation so far or one by this operation: the first way of folding, longest first, that fits."""
    for before, after in _ways(linear):
        compute, expected_bias = folded(linear, before, after)
        stored = np.zeros(expected_bias.value.shape) if bias is None else bias
        off = recomputed_value.distance(stored, expected_bias)
        if bias is not None and off > 1 and best is not None and not named:
            continue
        expected = compute()
        distance = recomputed_value.distance(kernel.reshape(expected.value.shape), expected)
        # Of faulty explanations the named one is reported, with what misses least.
        score = ((distance > 1) + (off > 1), not named, min(distance, 1e300), min(off, 1e300))
        if best is None or score < best.score:
            best = _Explanation(score, linear, before, after, expected, expected_bias)
        if distance <= 1 and off <= 1:
            break
    return best


def _ways(linear: Linear) -> list[tuple[Affine, Affine]]:
    ways = itertools.product(linear.before, linear.after)
    return sorted(ways, key=lambda way: -len(way[0].operations) - len(way[1].operations))


def _kernel_row(kernel: np.ndarray, best: _Explanation, *, reordered: bool) -> dict[str, Any]:
    layout, words = (LAYOUT, "axes reordered") if reordered else (EXACT, "as it is")
    if any(_rescales(way) for way in (best.before, best.after)):
        words = f"{words}, times {recomputed_value.scopes(best.operations)}"
    return recomputed_value.explained(
        kernel.reshape(best.kernel.value.shape),
        best.kernel,
        node=best.linear.node,
        operations=best.operations,
        kind=FOLDED if np.any(best.kernel.error) else layout,
        transformation=words,
    )


def _rescales(way: Affine) -> bool:
    scale = way.scale
    return bool(scale.variables) or scale.value.size > 1 or not np.all(scale.value == 1)


def _bias_row(bias: np.ndarray, best: _Explanation) -> dict[str, Any]:
    expected, operations = best.bias, best.operations
    kind = FOLDED if np.any(expected.error) else EXACT
    words = "as it is" if operations else "zeros: no bias"
    return recomputed_value.explained(
        bias,
        Constant(value=np.broadcast_to(expected.value, (bias.size,)), error=expected.error, variables=expected.variables),
        node=best.linear.node,
        operations=operations,
        kind=kind if expected.variables or expected.nodes or np.any(expected.value) else CONVERTER,
        transformation=f"folded from {recomputed_value.scopes(operations)}" if kind == FOLDED else words,
    )


def _named(linear: Linear, names: set[str]) -> bool:
    return linear.node in names or any(name in names for way in linear.after for name in way.operations[-1:])
