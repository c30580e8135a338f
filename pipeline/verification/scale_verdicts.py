"""Are the scales of a file's quantized constants the ones that its algorithm, or any sound one, would choose?"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.tflite import flatbuffer, operators
from pipeline.tflite.flatbuffer import Graph, Operator, Tensor
from pipeline.verification import constant_scales, graph_alignment, hadamard, kept_constants, number_words, stored_layout
from pipeline.verification.constant_scales import MIN_MAX, MSE, OCTAV, OTHER, Weighed
from pipeline.verification.float32_proof import Proof

# A file is of a rule when so many of its kernels' scales are what it asks for.
_MOST = 0.5
# A table has the scale of what was looked up in it when ranges were measured. Rows that never were may lie beyond it: so many of
# the values at the most.
_BEYOND = 0.5
# Constants of more bits are biases, whose scales follow from others (`scale_relations`).
_BITS = 16


@dataclass(frozen=True, kw_only=True)
class _Row:
    """A quantized constant as one operator reads it.

    Attributes:
        layers: paths.
        place: of the constant in the file in question, (subgraph, tensor).
        found: the constant; `operator`: that reads it, of the file in question.
        slot: position among the inputs.
        kernel: whether it stands where weights do.
        rewritten: the algorithm changed its values, which are not known.
        turned: it was rotated first (`hadamard`); the quantizer takes the scales of octav then.
        weighed: its scales beside its values.
        needed: the finest scale with which the bias fits, for each scale.
        off, idle: of `kept_constants.steps_off` and `idle`.
    """

    layers: Sequence[str]
    place: tuple[int, int]
    found: Tensor
    operator: Operator
    slot: int
    kernel: bool
    rewritten: bool
    turned: bool
    weighed: Weighed
    needed: np.ndarray
    off: kept_constants.Off | None
    idle: np.ndarray


def judge(
    proof: Proof, found: Graph, aligned: graph_alignment.Alignment, tensors: Sequence[Mapping[str, Any]], algorithm: str | None
) -> tuple[str | None, list[tuple[Sequence[str], str, str]], list[str]]:
    """How the scales of quantized kernels were chosen, and the scales of constants that are not right.

    Args:
        proof, found, aligned: the float32 file explained, the file in question, and what corresponds.
        tensors: of `constant_rows.rows`.
        algorithm: how the scales were chosen; None: not said, then as most of the scales of kernels say themselves.

    Returns:
        The algorithm, or "min_max", "mse", "octav" or "other" as found, None when no kernel is quantized; layers, tensor and reason
        of each constant with a wrong scale; and a line for dead channels, and for each table that is held in part.
    """
    rows = list(_rows(proof, found, aligned, tensors))
    rule = _rule([row.weighed for row in rows if row.kernel and not (row.rewritten or row.turned)])
    if algorithm in (MIN_MAX, MSE, OCTAV):
        rule = algorithm
    faults, notes = [], _dead(rows)
    ranges = _has_ranges(found)
    needed: dict[tuple[int, int], np.ndarray] = {}
    for row in rows:  # several operators may read one kernel, each with a bias of its own
        needed[row.place] = np.maximum(needed.get(row.place, 0.0), row.needed)
    for row in rows:
        follows, held = _follows(row, rule, algorithm, ranges=ranges), _held(row, needed[row.place])
        wrong, spoiled = ~(follows | held | row.weighed.negligible() | row.idle), _spoiled(row, follows, held)
        if spoiled is not None:
            faults.append((row.layers, row.found.name, spoiled))
        elif wrong.any():
            faults.append((row.layers, row.found.name, _words(row, wrong)))
        elif _is_table(row) and np.any(row.weighed.clipped):
            share = f"{float(np.max(row.weighed.clipped)):.0%}"
            notes.append(
                f"table {row.found.name}: {share} of its values lie beyond what was looked up when ranges were measured: clipped"
            )
    return (algorithm or rule) if any(row.kernel for row in rows) else None, faults, notes


def _has_ranges(found: Graph) -> bool:
    """Whether ranges of activations were measured: else nothing is quantized but constants, and what is looked up in them."""
    for subgraph in found.subgraphs:
        stored = stored_layout.of_constants(subgraph)
        if any(
            tensor.scales is not None and tensor.data is None and number not in stored
            for number, tensor in enumerate(subgraph.tensors)
        ):
            return True
    return False


def _is_table(row: _Row) -> bool:
    return not row.kernel and row.slot == 0 and row.operator.name in operators.LOOKS_UP


def _rows(proof: Proof, found: Graph, aligned: graph_alignment.Alignment, tensors: Sequence[Mapping[str, Any]]) -> Iterator[_Row]:
    turned = hadamard.turned(found)
    for row, entry in zip(proof.rows, tensors, strict=True):
        place = (row.subgraph, row.operator)
        at, reader = aligned.constants.get((*place, row.input)), aligned.operators.get(place)
        if at is None or reader is None:
            continue
        graph = proof.graph.subgraphs[row.subgraph]
        operator = graph.operators[row.operator]
        expected, tensor = graph.tensors[operator.inputs[row.input]], found.subgraphs[at[0]].tensors[at[1]]
        if (
            expected.data is None
            or tensor.scales is None
            or expected.dtype != "float32"
            or stored_layout.bits_of(tensor.dtype) > _BITS
        ):
            continue
        if expected.shape != tensor.shape or stored_layout.malformed(tensor) is not None:
            continue
        facts = operators.of(operator.name)
        other = found.subgraphs[reader[0]]
        values = flatbuffer.values(expected)
        weighed = constant_scales.weigh(hadamard.rotated(values).astype(np.float32) if at in turned else values, tensor)
        bias, now = _constant(graph.tensors, operator, facts.bias), other.operators[reader[1]]
        data, kernel, rewritten = _tensor(other.tensors, now, facts.data), facts.kernel == row.input, entry["kind"] == "rewritten"
        off, idle = None, np.zeros(weighed.largest.shape, bool)
        if kernel and not rewritten and at not in turned and now.outputs:
            stored = _tensor(other.tensors, now, facts.bias)
            output = other.tensors[now.outputs[0]]
            off = kept_constants.steps_off(tensor, values, constant=bias, bias=stored, data=data, output=output)
            idle = kept_constants.idle(tensor, values, constant=bias, off=off)
        yield _Row(
            layers=proof.mapped.layers.get(place, []),
            place=at,
            found=tensor,
            operator=now,
            slot=row.input,
            kernel=kernel,
            rewritten=rewritten,
            turned=at in turned,
            weighed=weighed,
            needed=constant_scales.bound_by_bias(tensor, bias, data),
            off=off,
            idle=idle,
        )


def _tensor(tensors: Sequence[Tensor], operator: Operator, slot: int | None) -> Tensor | None:
    if slot is None or slot >= len(operator.inputs) or operator.inputs[slot] < 0:
        return None
    return tensors[operator.inputs[slot]]


def _constant(tensors: Sequence[Tensor], operator: Operator, slot: int | None) -> np.ndarray | None:
    tensor = _tensor(tensors, operator, slot)
    return None if tensor is None or tensor.data is None else flatbuffer.values(tensor)


def _rule(kernels: Sequence[Weighed]) -> str:
    """What most of the scales are; those of channels that are nothing do not count."""
    counts = dict.fromkeys((MIN_MAX, OCTAV, MSE), 0)
    total = 0
    for weighed in kernels:
        says = ~weighed.negligible() & (weighed.largest > 0)
        total += int(says.sum())
        for rule, matches in weighed.matches.items():
            counts[rule] += int((matches & says).sum())
    best = max(counts, key=lambda rule: counts[rule])
    return best if counts[best] > _MOST * total or not total else OTHER


def _held(row: _Row, needed: np.ndarray) -> np.ndarray:
    """Which of the scales are no coarser than the biases ask for that it is read with; `needed`: of them."""
    if row.found.scales is None:
        raise ValueError(f"{row.found.name} is not quantized")
    return np.asarray((needed > 0) & (row.found.scales <= needed * (1 + 1e-5)) & (row.weighed.clipped == 0))


def _follows(row: _Row, rule: str, algorithm: str | None, *, ranges: bool) -> np.ndarray:
    """Which of the scales of a constant are what its values ask for; `ranges`: of `_has_ranges`."""
    weighed = row.weighed
    fine = weighed.matches[MIN_MAX]
    if row.rewritten:
        # GPTQ takes the scales of min/max. Those of scaled weights are not to be seen in the weights.
        return fine if algorithm == "gptq" else np.ones(fine.shape, bool)
    if row.turned and OCTAV in weighed.matches:
        fine = fine | weighed.matches[OCTAV]
    if row.kernel and rule in weighed.matches:
        fine = fine | weighed.matches[rule]
    if not row.kernel or rule == OTHER:
        fine = fine | (weighed.noise <= 1)
    if not row.kernel and row.operator.name in operators.SHARES - operators.MOVES:
        # It has the scale of what it is put together with, and fits into it, unless the operator need not give what it cuts off.
        chosen = operators.CHOOSES | operators.LARGEST | operators.SMALLEST
        fine = fine | ((weighed.clipped == 0) | (row.operator.name in chosen))
    if ranges and _is_table(row):
        fine = fine | ((weighed.clipped > 0) & (weighed.clipped < _BEYOND))
    return fine


def _spoiled(row: _Row, follows: np.ndarray, held: np.ndarray) -> str | None:
    """What is wrong with channels without weights to speak of, for which any scale would do; `follows`, `held`: of these."""
    if row.off is None or row.found.scales is None:
        return None
    silent = (row.weighed.negligible() & ~follows) | (row.weighed.largest == 0)
    off = row.off.constant + np.where(held, 0.0, row.off.weights)
    return kept_constants.lost(row.found.scales, np.where(silent, off, 0.0))


def _dead(rows: Sequence[_Row]) -> list[str]:
    """A line for the channels of which only the constant is left."""
    layers: dict[str, int] = {}
    most: list[float] = []
    for row in rows:
        if row.kernel and not row.rewritten and row.found.scales is not None and row.found.scales.size > 1 and not row.found.block:
            zeros = ~constant_scales.grouped(flatbuffer.values(row.found), row.found).any(axis=1)
            if zeros.any():
                layers[", ".join(row.layers) or row.found.name] = int(zeros.sum())
                most += [] if row.off is None else [float((row.off.constant + row.off.weights)[zeros].max())]
    if not layers:
        return []
    words = f", which is at most {max(most):.2g} steps of the output off" if most else ""
    where = "; ".join(f"{count} of {name}" for name, count in layers.items())
    return [f"{sum(layers.values())} dead channels, of which only the constant is left{words}: {where}"]


def _words(row: _Row, wrong: np.ndarray) -> str:
    weighed = row.weighed
    distance = np.where(wrong & (weighed.ratio > 0), np.abs(np.log(np.where(weighed.ratio > 0, weighed.ratio, 1))), 0)
    worst = int(np.argmax(distance)) if distance.any() else int(np.argmax(wrong))
    ratio = number_words.distinct(float(weighed.ratio[worst]), 1.0)[0]
    what = "kernel" if row.kernel else "constant"
    words = f"scale {worst} of the {what} is {ratio} times what its largest {'weight' if row.kernel else 'value'} asks for"
    if weighed.clipped[worst] > 0:
        words += f": {weighed.clipped[worst]:.0%} of the {'weights' if row.kernel else 'values'} are clipped"
    elif weighed.noise[worst] > 1:
        words += ": it is too coarse for them"
    others = int(wrong.sum()) - 1
    return words + (f" (and {others} more)" if others else "")
