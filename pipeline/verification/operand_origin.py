"""Where a constant of an operator without a kernel comes from: which constant that the network reads it is."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from pipeline.tflite import flatbuffer, operators
from pipeline.tflite.flatbuffer import Operator, Tensor
from pipeline.verification import recomputed_value
from pipeline.verification.operands import Operand
from pipeline.verification.recomputed_value import EXACT, FOLDED, LAYOUT
from pipeline.verification.rounded_arithmetic import Constant


class _Explanation(NamedTuple):
    """A constant of the network that may stand behind one of the file: how well it fits (less is better), and how it is turned."""

    score: tuple[bool, bool, float]
    operand: Operand
    value: np.ndarray
    words: str

    @property
    def fits(self) -> bool:
        return not self.score[0]

    @property
    def named(self) -> bool:
        return not self.score[1]


def explain(
    operator: Operator,
    place: int,
    tensor: Tensor,
    names: set[str],
    by_size: Mapping[int, list[Operand]],
    claimed: set[str],
    *,
    real: bool,
) -> dict[str, Any]:
    """A constant of an operator that has no kernel: fields of `constant_origin.Row`.

    Args:
        operator: which reads it as its input number `place`.
        tensor: the constant.
        names: of the operator's tensors.
        by_size: constants that the network's operations read, by number of entries.
        claimed: operations that explain another constant already; those of this one are added.
        real: values of the network flow through the operator, not only indices.
    """
    found = flatbuffer.values(tensor)
    if place in operators.of(operator.name).structure:
        return recomputed_value.own(found, "shape, axis or index")
    best = _best(operator, found, names, by_size.get(found.size, []), claimed)
    if best is not None and best.fits:
        return _explained(best, found, claimed)
    part = _part(found, by_size)
    if part is not None:
        return part
    if operators.of(operator.name).zeros and not found.any():
        return recomputed_value.own(found, "zeros")
    if found.dtype.kind in "iub" and not real:
        return recomputed_value.own(found, "index arithmetic")
    if best is not None and best.named:
        return _explained(best, found, claimed)
    return recomputed_value.unexplained(found)


def _best(
    operator: Operator, found: np.ndarray, names: set[str], operands: list[Operand], claimed: set[str]
) -> _Explanation | None:
    """The first explanation that fits, named ones first; without one, that which misses least, named ones before others."""

    def order(operand: Operand) -> tuple[bool, bool, int]:
        taken = "/".join(operand.operations) in claimed
        return not _mentions(operand, names), taken, -len(operand.constant.variables)

    best: _Explanation | None = None
    for operand in sorted(operands, key=order):
        for words, value in _arrangements(operator, found, operand.constant):
            distance = recomputed_value.distance(value, operand.constant)
            score = (distance > 1, not _mentions(operand, names), min(distance, 1e300))
            if best is None or score < best.score:
                best = _Explanation(score, operand, value, words)
            if distance <= 1:
                break
        if best is not None and best.fits:
            break
    return best


def _explained(best: _Explanation, found: np.ndarray, claimed: set[str]) -> dict[str, Any]:
    constant, operations = best.operand.constant, best.operand.operations
    claimed.add("/".join(operations))
    made = bool(np.any(constant.error))
    source = "" if constant.variables else "the graph's own constant, "
    row = recomputed_value.explained(
        best.value,
        constant,
        node=operations[0],
        operations=operations,
        kind=FOLDED if made else EXACT if best.words == "as it is" else LAYOUT,
        transformation=source + (f"computed for {recomputed_value.scopes(operations)}" if made else best.words),
    )
    if made:
        row["slack"] = lambda: recomputed_value.slack(constant, _axes(best, found), found.shape)
    return row


def _axes(best: _Explanation, found: np.ndarray) -> Sequence[int]:
    """The order of axes in which the explanation reads the constant."""
    orders = itertools.permutations(range(found.ndim)) if best.words == "axes reordered" else ()
    fitting = (axes for axes in orders if np.array_equal(found.transpose(axes).reshape(best.value.shape), best.value))
    return next(fitting, tuple(range(found.ndim)))


def _part(found: np.ndarray, by_size: Mapping[int, list[Operand]]) -> dict[str, Any] | None:
    """A constant that is one of 2 to 4 equal parts of another, as the gates of a recurrent kernel are."""
    if found.dtype.kind != "f" or found.size < 2:
        return None
    for parts in (2, 3, 4):
        for operand in by_size.get(parts * found.size, []):
            value = operand.constant.value
            if value.ndim == 0 or value.shape[-1] % parts:
                continue
            for number, piece in enumerate(np.split(value, parts, axis=-1)):
                for view in (piece, piece.T):
                    if np.array_equal(view.ravel(), found.ravel()):
                        return recomputed_value.explained(
                            found.reshape(view.shape),
                            Constant(value=view, variables=operand.constant.variables),
                            node=operand.operations[0],
                            operations=operand.operations,
                            kind=LAYOUT,
                            transformation=f"part {number + 1} of {parts} of the last axis",
                        )
    return None


def _arrangements(operator: Operator, found: np.ndarray, expected: Constant) -> Iterator[tuple[str, np.ndarray]]:
    """The found values in the shape of the expected ones: as they lie, with axes reordered, negated where an operator subtracts."""
    shape = np.shape(expected.value)
    yield "as it is", found.reshape(shape)
    if operator.name in ("SUB", "PRELU", "ADD"):
        yield "negated", -found.reshape(shape)
    if found.ndim > 1 and found.size > 1 and found.dtype.kind == "f":
        for axes in itertools.islice(itertools.permutations(range(found.ndim)), 1, 24):
            yield "axes reordered", found.transpose(axes).reshape(shape)


def _mentions(operand: Operand, names: set[str]) -> bool:
    return any(name in names for name in operand.operations)
