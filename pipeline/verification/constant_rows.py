"""The certificate's row for each constant: where it comes from in the network, and whether the file holds its value."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from pipeline.tflite import flatbuffer, operators
from pipeline.tflite.flatbuffer import Graph, Tensor
from pipeline.verification import constant_origin, hadamard, recomputed_value, stored_values
from pipeline.verification.float32_proof import Proof

# Algorithms that write other weights than the nearest codes, to make up for errors elsewhere: only the outputs can tell whether
# they are right.
REWRITING = frozenset(("gptq", "oscar", "hadamard_decomposed"))
# Operators that spread one of their inputs over the other, so that leading ones of its shape say nothing.
_BROADCASTS = frozenset(
    ("ADD", "SUB", "MUL", "DIV", "MAXIMUM", "MINIMUM", "SQUARED_DIFFERENCE", "POW", "PRELU", "FLOOR_DIV", "FLOOR_MOD")
)
# A constant counts as one without something when that explains all but so much of what is wrong with it.
_CLOSER = 0.1
# How the words for that begin.
BIAS_OF = "the bias of "
_KINDS = {stored_values.CAST: "cast", stored_values.QUANTIZED: "quantized"}


def rows(
    proof: Proof,
    found: Graph,
    constants: Mapping[tuple[int, int, int], tuple[int, int]],
    algorithm: str | None,
    *,
    rounding: bool = False,
) -> list[dict[str, Any]]:
    """A row for each constant of the float32 file as its operators read it.

    Args:
        proof: the float32 file explained.
        found: the file in question.
        constants: (subgraph, tensor) of the found file by (subgraph, operator, input) of the float32 file.
        algorithm: how its scales were chosen; None: not said.
        rounding: another converter may have made the file, whose folding rounds otherwise than the float32 file's.

    Returns:
        `operator`, `input`, `layers`, `variables`, `elements`, `transformation`, `kind` ("exact", "folded", "cast", "quantized",
        "rewritten" or "converter"), `expected_tensor` and `tensor` (names in the two files, None when it is not there), `dtype`,
        `bits`, `passed`, `reason`, and the figures of `stored_values.Check`.
    """
    turned = hadamard.turned(found)
    places = [constants.get((row.subgraph, row.operator, row.input)) for row in proof.rows]
    return [
        _row(proof, row, found, at, algorithm, rounding=rounding, turned=at in turned)
        for row, at in zip(proof.rows, places, strict=True)
    ]


def _row(
    proof: Proof,
    row: constant_origin.Row,
    found: Graph,
    at: tuple[int, int] | None,
    algorithm: str | None,
    *,
    rounding: bool,
    turned: bool,
) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "operator": row.type,
        "input": row.input,
        "layers": proof.mapped.layers.get((row.subgraph, row.operator), []),
        "variables": row.variables,
        "elements": row.elements,
        "transformation": row.transformation,
        "kind": row.kind,
        "expected_tensor": row.tensor,
    }
    if at is None:
        entry |= {"tensor": None, "passed": False, "reason": "the file's operators differ: no constant stands in its place"}
        entry |= dict.fromkeys(("dtype", "steps", "clipped", "rule", "max_error", "relative", "sqnr_db")) | {"bits": 0}
    else:
        subgraph = proof.graph.subgraphs[row.subgraph]
        expected = subgraph.tensors[subgraph.operators[row.operator].inputs[row.input]]
        tensor = found.subgraphs[at[0]].tensors[at[1]]
        broadcasts = row.type in _BROADCASTS or operators.of(row.type).bias == row.input
        values, ties = flatbuffer.values(expected), 0.0
        if turned:
            values, ties = hadamard.rotated(values).astype(np.float32), hadamard.TIES
        check = stored_values.compare(values, tensor, broadcasts=broadcasts, ties=ties)
        if rounding and row.slack is not None and row.passed and not check.passed:
            check = stored_values.compare(values, tensor, broadcasts=broadcasts, ties=ties, slack=row.slack())
        if not check.passed:
            check = replace(check, reason=_forgotten(proof, row, flatbuffer.values(expected), tensor) or check.reason)
        entry |= {"tensor": tensor.name, **_compared(row, check)}
        if check.how in _KINDS and row.kind != recomputed_value.CONVERTER:
            entry["transformation"] = f"{row.transformation}, {'rotated, ' if turned else ''}{_KINDS[check.how]} to {check.dtype}"
            entry["kind"] = _KINDS[check.how]
        if algorithm in REWRITING and row.passed and not check.passed and check.how == stored_values.QUANTIZED:
            entry |= {"kind": "rewritten", "passed": True, "reason": f"rewritten by {algorithm}: the outputs judge it"}
    entry["kind"] = "exact" if entry["kind"] == recomputed_value.LAYOUT else entry["kind"]
    return entry


def _forgotten(proof: Proof, row: constant_origin.Row, expected: np.ndarray, found: Tensor) -> str | None:
    """What was forgotten, when the constant is closer to a value without it than to its own by far; else None."""
    stored = flatbuffer.real(found)
    if stored.size != expected.size:
        return None
    # Half a step of its own format is no evidence of anything.
    step = 0.0 if found.scales is None else flatbuffer.spread(found, found.scales) / 2

    def off(value: np.ndarray) -> float:
        return float(np.maximum(np.abs(stored - value) - step, 0).max(initial=0))

    without = {name: off(value) for name, value in row.lost.items()}
    name = min(without, key=lambda name: without[name], default=None)
    if name is None or without[name] > _CLOSER * off(expected.reshape(stored.shape)):
        return None
    own = _layer(proof, name)
    others = dict.fromkeys(layer for entry in row.operations if (layer := _layer(proof, entry)) != own)
    return f"{BIAS_OF}{own} is missing ({' and '.join(('its kernel', *others))} {'are' if others else 'is'} right)"


def _layer(proof: Proof, operation: str) -> str:
    """The innermost layer that an operation belongs to; its scope where none is known."""
    paths = [path for path, pattern in proof.mapped.patterns.items() if pattern.search(operation)]
    return paths[-1] if paths else recomputed_value.scopes([operation])


def _compared(row: constant_origin.Row, check: stored_values.Check) -> dict[str, Any]:
    """The figures of a constant, of the whole way from the network's variables, and the first link that does not hold."""
    plain = check.how == stored_values.EQUAL and check.passed
    errors = check.max_error, row.max_error or 0.0
    return {
        "dtype": check.dtype,
        "bits": int("".join(filter(str.isdigit, check.dtype)) or 0),
        "steps": check.steps,
        "clipped": check.clipped,
        "rule": check.rule,
        "max_error": max(errors) if all(error < recomputed_value.FAR for error in errors) else None,
        "relative": check.relative,
        "sqnr_db": check.sqnr_db,
        "passed": row.passed and check.passed,
        "reason": row.reason if not row.passed or plain else check.reason,
    }
