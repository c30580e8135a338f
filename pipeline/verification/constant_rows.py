"""The certificate's row for each constant: where it comes from in the network, and whether the file holds its value."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from pipeline.tflite import flatbuffer, operators
from pipeline.tflite.flatbuffer import Graph
from pipeline.verification import constant_origin, hadamard, recomputed_value, stored_values
from pipeline.verification.float32_proof import Proof

# Algorithms that write other weights than the nearest codes, to make up for errors elsewhere: only the outputs can tell whether
# they are right.
REWRITING = frozenset(("gptq", "oscar", "hadamard_decomposed"))
# Operators that spread one of their inputs over the other, so that leading ones of its shape say nothing.
_BROADCASTS = frozenset(
    ("ADD", "SUB", "MUL", "DIV", "MAXIMUM", "MINIMUM", "SQUARED_DIFFERENCE", "POW", "PRELU", "FLOOR_DIV", "FLOOR_MOD")
)
_KINDS = {stored_values.CAST: "cast", stored_values.QUANTIZED: "quantized"}


def rows(
    proof: Proof, found: Graph, constants: Mapping[tuple[int, int, int], tuple[int, int]], algorithm: str | None
) -> list[dict[str, Any]]:
    """A row for each constant of the float32 file as its operators read it.

    Args:
        proof: the float32 file explained.
        found: the file in question.
        constants: (subgraph, tensor) of the found file by (subgraph, operator, input) of the float32 file.
        algorithm: how its scales were chosen; None: not said.

    Returns:
        `operator`, `input`, `layers`, `variables`, `elements`, `transformation`, `kind` ("exact", "folded", "cast", "quantized",
        "rewritten" or "converter"), `expected_tensor` and `tensor` (names in the two files, None when it is not there), `dtype`,
        `bits`, `passed`, `reason`, and the figures of `stored_values.Check`.
    """
    turned = hadamard.turned(found)
    places = [constants.get((row.subgraph, row.operator, row.input)) for row in proof.rows]
    return [_row(proof, row, found, at, algorithm, turned=at in turned) for row, at in zip(proof.rows, places, strict=True)]


def _row(
    proof: Proof, row: constant_origin.Row, found: Graph, at: tuple[int, int] | None, algorithm: str | None, *, turned: bool
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
        entry |= {"tensor": tensor.name, **_compared(row, check)}
        if check.how in _KINDS and row.kind != recomputed_value.CONVERTER:
            entry["transformation"] = f"{row.transformation}, {'rotated, ' if turned else ''}{_KINDS[check.how]} to {check.dtype}"
            entry["kind"] = _KINDS[check.how]
        if algorithm in REWRITING and row.passed and not check.passed and check.how == stored_values.QUANTIZED:
            entry |= {"kind": "rewritten", "passed": True, "reason": f"rewritten by {algorithm}: the outputs judge it"}
    entry["kind"] = "exact" if entry["kind"] == recomputed_value.LAYOUT else entry["kind"]
    return entry


def _compared(row: constant_origin.Row, check: stored_values.Check) -> dict[str, Any]:
    """The figures of a constant, of the whole way from the network's variables, and the first link that does not hold."""
    plain = check.how == stored_values.EQUAL and check.passed
    return {
        "dtype": check.dtype,
        "bits": int("".join(filter(str.isdigit, check.dtype)) or 0),
        "steps": check.steps,
        "clipped": check.clipped,
        "rule": check.rule,
        "max_error": max(check.max_error, row.max_error or 0.0),
        "relative": check.relative,
        "sqnr_db": check.sqnr_db,
        "passed": row.passed and check.passed,
        "reason": row.reason if not row.passed or plain else check.reason,
    }
