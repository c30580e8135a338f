"""Where each constant of a float32 .tflite file comes from: which variables of the network, by which transformation.

Nothing is matched by eye: the constant that each operator must hold is recomputed (`constant_folding`) and compared within the
rounding of float32. Names only decide which explanation is tried first, and which one a fault is reported against.
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.tflite import flatbuffer, operators
from pipeline.tflite.flatbuffer import Operator, Tensor
from pipeline.verification.constant_folding import UNIT, Affine, Constant, Linear, Operand, folded

EXACT, LAYOUT, FOLDED, CONVERTER = "exact", "layout", "folded", "converter"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One constant as one operator reads it.

    Attributes:
        subgraph: number of the subgraph; `operator`, `input`: of the operator in it, and which of its inputs.
        tensor: name of the constant; `type`: of the operator.
        variables: paths of the variables it comes from, sorted.
        node: the operation of the original graph it was compared with, empty when there is none; `steps`: the operations whose
            constants were folded into it.
        transformation: in words; `kind`: one of EXACT, LAYOUT, FOLDED, CONVERTER.
        max_error: largest difference to what was recomputed, in real units; `share`: the largest share of what float32
            rounding allows that an entry uses up, at most 1 when it passes (0: equal bit for bit).
        passed: every entry is within its bound; `reason`: in words.
    """

    subgraph: int
    operator: int
    input: int
    tensor: str
    type: str
    elements: int
    variables: list[str]
    node: str
    steps: tuple[str, ...]
    transformation: str
    kind: str
    max_error: float | None
    share: float | None
    passed: bool
    reason: str


def account(graph: flatbuffer.Graph, linears: Sequence[Linear], operands: Sequence[Operand]) -> list[Row]:
    """A row for every constant of every operator of a float32 file.

    Args:
        graph: the file.
        linears: of `folding.linears`.
        operands: of `folding.operands`.
    """
    by_size: dict[int, list[Operand]] = {}
    for operand in operands:
        by_size.setdefault(operand.constant.value.size, []).append(operand)
    claimed: set[str] = set()
    rows: list[Row] = []
    for number, subgraph in enumerate(graph.subgraphs):
        for index, operator in enumerate(subgraph.operators):
            constants = {
                place: subgraph.tensors[tensor]
                for place, tensor in enumerate(operator.inputs)
                if tensor >= 0 and subgraph.tensors[tensor].data is not None
            }
            names = _names(subgraph.tensors, operator)
            # Integers that no value of the network flows through: index arithmetic of loops and shapes.
            real = any(
                number >= 0 and subgraph.tensors[number].dtype == "float32" for number in (*operator.inputs, *operator.outputs)
            )
            for place, found in _operator(operator, constants, names, linears, by_size, claimed, found_float=real):
                rows.append(
                    Row(subgraph=number, operator=index, input=place, tensor=constants[place].name, type=operator.name, **found)
                )
    return rows


def _operator(
    operator: Operator,
    constants: Mapping[int, Tensor],
    names: set[str],
    linears: Sequence[Linear],
    by_size: Mapping[int, list[Operand]],
    claimed: set[str],
    *,
    found_float: bool,
) -> Iterator[tuple[int, dict]]:
    done: set[int] = set()
    if operator.name in operators.LINEAR and operators.LINEAR[operator.name].kernel in constants:
        found = _linear(operator, constants, names, linears, claimed)
        if found is not None:
            yield from found.items()
            done = set(found)
    for place, tensor in constants.items():
        if place not in done:
            yield place, _operand(operator, place, tensor, names, by_size, claimed, found_float=found_float)


def _linear(
    operator: Operator, constants: Mapping[int, Tensor], names: set[str], linears: Sequence[Linear], claimed: set[str]
) -> dict[int, dict] | None:
    """Kernel and bias against the linear operations of the network; None when none has a kernel of this many entries."""
    at, bias_at, _, axes = operators.LINEAR[operator.name]
    kernel = flatbuffer.values(constants[at]).transpose(axes)
    bias = constants.get(bias_at)
    candidates = [linear for linear in linears if linear.kernel.value.size == kernel.size]
    candidates.sort(key=lambda linear: (not _named(linear, names), linear.node in claimed))
    best: tuple[tuple, Linear, Affine, Affine, Constant, Constant, float] | None = None
    for linear in candidates:
        ways = sorted(itertools.product(linear.before, linear.after), key=lambda way: -len(way[0].steps) - len(way[1].steps))
        for before, after in ways:
            compute, expected_bias = folded(linear, before, after)
            if bias is not None and _bias_misses(bias, expected_bias) and best is not None and not _named(linear, names):
                continue
            expected = compute()
            distance = _distance(kernel.reshape(expected.value.shape), expected)
            off = _distance(_bias(bias, expected_bias), expected_bias)
            named = _named(linear, names)
            # Of faulty explanations the named one is reported, with what misses least.
            score = ((distance > 1) + (off > 1), not named, min(distance, 1e300), min(off, 1e300))
            if best is None or score < best[0]:
                best = (score, linear, before, after, expected, expected_bias, off)
            if distance <= 1 and off <= 1:
                break
        if best is not None and best[0][0] == 0:
            break
    if best is None:
        return None
    _, linear, before, after, expected, expected_bias, _ = best
    claimed.add(linear.node)
    steps = (*before.steps, *after.steps)
    layout = LAYOUT if axes != tuple(range(len(axes))) else EXACT
    words = {LAYOUT: "axes reordered", EXACT: "as it is"}[layout]
    rescaled = any(
        step.scale.variables or step.scale.value.size > 1 or not np.all(step.scale.value == 1) for step in (before, after)
    )
    rows = {
        at: _row(
            kernel.reshape(expected.value.shape),
            expected,
            node=linear.node,
            steps=steps,
            kind=FOLDED if np.any(expected.error) else layout,
            transformation=f"{words}, times {_words(steps)}" if rescaled else words,
        )
    }
    if bias is not None:
        kind = EXACT if not np.any(expected_bias.error) else FOLDED
        rows[bias_at] = _row(
            _bias(bias, expected_bias),
            Constant(
                value=np.broadcast_to(expected_bias.value, (bias.data.size // 4,)),  # type: ignore[union-attr]
                error=expected_bias.error,
                variables=expected_bias.variables,
            ),
            node=linear.node,
            steps=steps,
            kind=kind if expected_bias.variables or expected_bias.nodes or np.any(expected_bias.value) else CONVERTER,
            transformation=f"folded from {_words(steps)}" if kind == FOLDED else "as it is" if steps else "zeros: no bias",
        )
    elif np.any(expected_bias.value != 0):
        rows[at] |= {"passed": False, "reason": f"there is no bias; expected one from {_words(steps)}"}
    elif expected_bias.variables:
        # A bias of zeros need not be stored.
        rows[at]["variables"] = sorted({*rows[at]["variables"], *expected_bias.variables})
        rows[at]["transformation"] += ", a bias of zeros left out"
    return rows


def _bias(bias: Tensor | None, expected: Constant) -> np.ndarray:
    return np.zeros(expected.value.shape) if bias is None else flatbuffer.values(bias)


def _bias_misses(bias: Tensor, expected: Constant) -> bool:
    return _distance(flatbuffer.values(bias), expected) > 1


def _operand(
    operator: Operator,
    place: int,
    tensor: Tensor,
    names: set[str],
    by_size: Mapping[int, list[Operand]],
    claimed: set[str],
    *,
    found_float: bool,
) -> dict:
    """A constant of an operator that has no kernel."""
    found = flatbuffer.values(tensor)
    if place in operators.of(operator.name).structure:
        return _converter(found, "shape, axis or index")
    best: tuple[tuple, Operand, np.ndarray, str] | None = None
    candidates = sorted(
        by_size.get(found.size, []),
        key=lambda operand: (
            not _mentions(operand.steps, names),
            "/".join(operand.steps) in claimed,
            -len(operand.constant.variables),
        ),
    )
    for operand in candidates:
        for words, value in _arrangements(operator, found, operand.constant):
            distance = _distance(value, operand.constant)
            score = (distance > 1, not _mentions(operand.steps, names), min(distance, 1e300))
            if best is None or score < best[0]:
                best = (score, operand, value, words)
            if distance <= 1:
                break
        if best is not None and not best[0][0]:
            break
    if best is not None and not best[0][0]:
        return _explained(best[1], best[2], best[3], claimed)
    part = _part(found, by_size)
    if part is not None:
        return part
    if operators.of(operator.name).zeros and not found.any():
        return _converter(found, "zeros")
    if found.dtype.kind in "iub" and not found_float:
        return _converter(found, "index arithmetic")
    if best is not None and not best[0][1]:
        return _explained(best[1], best[2], best[3], claimed)
    return {
        "elements": int(found.size),
        "variables": [],
        "node": "",
        "steps": (),
        "transformation": "none found",
        "kind": CONVERTER,
        "max_error": None,
        "share": None,
        "passed": False,
        "reason": "nothing in the network explains this constant",
    }


def _explained(operand: Operand, value: np.ndarray, words: str, claimed: set[str]) -> dict:
    claimed.add("/".join(operand.steps))
    made = bool(np.any(operand.constant.error))
    source = "" if operand.constant.variables else "the graph's own constant, "
    return _row(
        value,
        operand.constant,
        node=operand.steps[0],
        steps=operand.steps,
        kind=FOLDED if made else EXACT if words == "as it is" else LAYOUT,
        transformation=source + (f"computed for {_words(operand.steps)}" if made else words),
    )


def _part(found: np.ndarray, by_size: Mapping[int, list[Operand]]) -> dict | None:
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
                        return _row(
                            found.reshape(view.shape),
                            Constant(value=view, variables=operand.constant.variables),
                            node=operand.steps[0],
                            steps=operand.steps,
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


def _row(found: np.ndarray, expected: Constant, *, node: str, steps: tuple[str, ...], kind: str, transformation: str) -> dict:
    difference, allowed = _difference(found, expected)
    ratio = _ratio(difference, allowed)
    worst = int(np.argmax(ratio)) if ratio.size else 0
    passed = bool(ratio.size == 0 or ratio.flat[worst] <= 1)
    return {
        "elements": int(found.size),
        "variables": sorted(expected.variables),
        "node": node,
        "steps": steps,
        "transformation": transformation,
        "kind": kind,
        "max_error": float(difference.max(initial=0)),
        "share": min(float(ratio.flat[worst]), 1e300) if ratio.size else 0.0,
        "passed": passed,
        "reason": "equal bit for bit"
        if passed and not difference.any()
        else "within float32 rounding"
        if passed
        else describe(found, expected.value, ratio > 1),
    }


def describe(found: np.ndarray, expected: np.ndarray, wrong: np.ndarray) -> str:
    """What kind of difference this is, in words; channels are the last axis of both.

    Args:
        found: any shape, real units.
        expected: the same shape.
        wrong: bool, the same shape: entries outside their bound, at least one.
    """
    expected = np.broadcast_to(expected, found.shape)
    count = int(wrong.sum())
    at = tuple(int(i) for i in np.unravel_index(int(np.argmax(wrong)), wrong.shape))
    first = f"at {list(at)} found {found[at]:.6g}, expected {expected[at]:.6g}"
    if count == 1:
        return f"one of {found.size} entries differs: {first}"
    for axes in itertools.permutations(range(found.ndim)) if found.ndim in (2, 3, 4) else ():
        if axes != tuple(range(found.ndim)) and np.allclose(
            found.ravel(), np.transpose(expected, axes).ravel(), rtol=1e-3, atol=1e-3 * float(np.abs(expected).max())
        ):
            return f"the axes are in the wrong order: found those of {list(axes)}"
    if found.ndim:
        a, b = found.reshape(-1, found.shape[-1]).T, expected.reshape(-1, found.shape[-1]).T
        channels = np.flatnonzero(wrong.reshape(-1, found.shape[-1]).any(0))
        if 1 < len(channels) < 65:
            near = [[np.allclose(a[i], b[j], rtol=1e-3, atol=1e-3 * float(np.abs(b[j]).max())) for j in channels] for i in channels]
            if all(any(row) for row in near):
                return f"channels {', '.join(map(str, channels[:8]))} hold each other's weights"
        if len(channels) < found.shape[-1]:
            return f"channels {', '.join(map(str, channels[:8]))} differ ({count} of {found.size} entries): {first}"
    return f"{count} of {found.size} entries differ: {first}"


def _converter(found: np.ndarray, words: str) -> dict:
    return {
        "elements": int(found.size),
        "variables": [],
        "node": "",
        "steps": (),
        "transformation": words,
        "kind": CONVERTER,
        "max_error": None,
        "share": None,
        "passed": True,
        "reason": "the converter's own constant",
    }


def _difference(found: np.ndarray, expected: Constant) -> tuple[np.ndarray, np.ndarray]:
    """|found - expected| and what float32 allows, float64."""
    value = np.asarray(expected.value, np.float64) if expected.value.dtype.kind == "f" else expected.value.astype(np.float64)
    difference = np.abs(found.astype(np.float64) - value)
    exact = not np.any(expected.error)
    # A value made in float64 is rounded once more when it is stored.
    if exact:
        return difference, np.zeros(difference.shape)
    error = np.asarray(expected.error)
    allowed = (error.reshape(()) if error.size == 1 else error) + UNIT * np.abs(value)
    return difference, np.broadcast_to(allowed, difference.shape)


def _ratio(difference: np.ndarray, allowed: np.ndarray) -> np.ndarray:
    """Difference in units of what is allowed; NaN counts as infinitely far."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(difference == 0, 0.0, difference / allowed)
    return np.where(np.isnan(ratio), np.inf, ratio)


def _distance(found: np.ndarray, expected: Constant) -> float:
    if found.size != expected.value.size and expected.value.size != 1:
        return float("inf")
    shaped = found if expected.value.size == 1 else found.reshape(expected.value.shape)
    return float(_ratio(*_difference(shaped, expected)).max(initial=0))


def _names(tensors: Sequence[Tensor], operator: Operator) -> set[str]:
    numbers = [*operator.outputs, *(tensor for tensor in operator.inputs if tensor >= 0 and tensors[tensor].data is not None)]
    found = {name for number in numbers for name in tensors[number].name.split(";")}
    return found | {name.rstrip("0123456789") for name in found}


def _named(linear: Linear, names: set[str]) -> bool:
    return linear.node in names or any(step in names for way in linear.after for step in way.steps[-1:])


def _mentions(steps: Sequence[str], names: set[str]) -> bool:
    return any(step in names for step in steps)


def _words(steps: Sequence[str]) -> str:
    scopes = dict.fromkeys(step.rsplit("/", 1)[0] for step in steps)
    return ", ".join(scopes)
