"""The certificate: is a .tflite file the network it was made from? Everything that can be said without running it.

Three links are followed. The constants of the float32 file are recomputed from the network's variables (`float32_proof`); the
file in question is laid beside the float32 file, operator by operator; and its constants are compared in its own format.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.quantization.schemes import Scheme
from pipeline.tflite import flatbuffer, macs, operators
from pipeline.tflite.flatbuffer import Graph
from pipeline.verification import (
    activation_scales,
    also_in_file,
    constant_rows,
    end_matching,
    fault_rows,
    file_format,
    file_integrity,
    graph_alignment,
    operator_inputs,
    parameter_rows,
    signature_rows,
    tensor_origin,
)
from pipeline.verification.float32_proof import Proof, Source


def certify(
    source: Source,
    proof: Proof,
    file: flatbuffer.File,
    *,
    scheme: Scheme | None,
    io_dtype: str | None,
    algorithm: str | None,
    engine: str | None = None,
    measured: Mapping[str, activation_scales.Ranges] | None = None,
    ends: end_matching.Ends | None = None,
) -> dict[str, Any]:
    """The certificate of one file.

    Args:
        source: the network.
        proof: of `float32_proof.prove`.
        file: the one in question.
        scheme: what the file is meant to be; None: not said, and so not checked.
        io_dtype: dtype of inputs and outputs it is meant to have; None: not said.
        algorithm: how its scales were chosen; None: not said, then "min_max" when most of the scales say so themselves.
        engine: key of `schemes.SCHEMES` that made it; None: not said.
        measured: `bits` of models/ranges.json, of which the scales of its activations were made; None: not known, and so not
            compared.
        ends: what inputs and outputs are called in a file that need not have the network's names; None: it must.

    Returns:
        `summary` in one sentence, `passed`, `checks` (as in `output_checks`), `faults` (`check`, `layers`, `tensor`, `reason`),
        and the tables behind them: `parameters`, `variables`, `tensors`, `layers`, `signature`, `operators`, `macs`, `format`,
        `float_operators`; and in lines of text `not_compared`, which operators of the float32 file were not run beside the network,
        and `also`, what else the file holds.
    """
    own = file.graph
    found = own if ends is None else end_matching.renamed(own, ends, like=proof.graph)
    aligned = graph_alignment.align(proof.graph, found)
    by_operator = {theirs: proof.mapped.layers.get(ours, []) for ours, theirs in aligned.operators.items()}
    tensors = constant_rows.rows(proof, found, aligned.constants, algorithm, rounding=ends is not None)
    layers = _layers(proof, aligned)
    rule, wrong_scales, in_part = fault_rows.constant_scales(proof, found, aligned, tensors, algorithm)
    signature = signature_rows.rows(own, source.signature, ends)
    already = {tensor.name for subgraph in proof.graph.subgraphs for tensor in subgraph.tensors if tensor.scales is not None}
    faults = [
        *fault_rows.uninitialised(own),
        # What is wrong with the file itself is the cause of much that follows.
        *(fault_rows.fault("file", (), name, reason) for name, reason in file_integrity.faults(file.content, own, proof.graph)),
        *fault_rows.constants(tensors),
        *fault_rows.architecture(proof, found, aligned, algorithm=algorithm, engine=engine),
        *(fault_rows.fault("layers", (row["path"],), None, row["reason"]) for row in layers if not row["passed"]),
        *fault_rows.scales(source.graph, proof, found, aligned, by_operator, measured),
        *wrong_scales,
        *(
            fault_rows.fault("signature", (), None, f"{row['what']}: found {row['found']}, expected {row['expected']}")
            for row in signature
            if not row["passed"]
        ),
        *(
            fault_rows.fault("format", (), name, reason)
            for name, reason in [
                *file_format.without_scale(proof.graph, found, aligned.tensors),
                *file_format.faults(found, scheme, io_dtype, already=already),
            ]
        ),
    ]
    variables = parameter_rows.rows(source, tensors, proof.shown)
    counts = parameter_rows.counts(variables)
    # Ranges are measured on data.
    unknown = measured is None and any(tensor.scales is not None for tensor in flatbuffer.activations(found))
    checks = _checks(counts["share"], tensors, layers, faults, said=scheme is not None, unknown=unknown, unseen=proof.not_compared)
    worst = _worst_step(tensors)
    return {
        "summary": parameter_rows.sentence(counts, worst_step=worst, absent=parameter_rows.absent(source)),
        "passed": all(row["passed"] for row in checks),
        "checks": checks,
        "faults": faults,
        "parameters": counts | {"worst_step": worst, "scales": rule},
        "variables": variables,
        "tensors": tensors,
        "layers": layers,
        "signature": signature,
        "operators": {"float32": file_format.histogram(proof.graph), "file": file_format.histogram(found)},
        "macs": {"float32": _macs(proof.graph), "file": _macs(tensor_origin.with_constants(found))},
        "format": file_format.dtypes(found),
        "float_operators": file_format.left_in_float(found, by_operator),
        "not_compared": proof.not_compared,
        "also": [*also_in_file.lines(file.content, own, proof.graph), *operator_inputs.undecided(found, engine), *in_part],
    }


def _macs(graph: Graph) -> int:
    return sum(macs.macs(graph).values())


def _worst_step(tensors: Sequence[Mapping[str, Any]]) -> float | None:
    """The largest error in quantization steps of a constant that was compared; a bias of 32 bits is not what limits a file."""
    compared = [row for row in tensors if row["kind"] != "rewritten" and row["steps"] is not None and row["bits"] <= 16]
    return max((row["steps"] for row in compared), default=None)


def _layers(proof: Proof, aligned: graph_alignment.Alignment) -> list[dict[str, Any]]:
    """The layers' table with the operators of the file in question."""
    missing = {difference.expected: difference.reason for difference in aligned.differences if difference.expected is not None}
    rows = []
    for row in proof.layers:
        # What only changes the format is looked through (`fake_quantization` judges it).
        lost = [
            place
            for place in row["operators"]
            if place not in aligned.operators
            and proof.graph.subgraphs[place[0]].operators[place[1]].name not in operators.CONVERSIONS
        ]
        present = [list(aligned.operators[place]) for place in row["operators"] if place in aligned.operators]
        entry = {**row, "operators": present}
        if lost and row["passed"]:
            entry |= {"passed": False, "how": "missing", "reason": missing.get(lost[0], "an operator of it was not found")}
        rows.append(entry)
    return rows


def _checks(
    share: float,
    tensors: Sequence[Mapping[str, Any]],
    layers: Sequence[Mapping[str, Any]],
    faults: Sequence[Mapping[str, Any]],
    *,
    said: bool,
    unknown: bool,
    unseen: Sequence[str],
) -> list[dict[str, Any]]:
    """The verdicts.

    Args:
        share, tensors, layers, faults: of `certify`.
        said: whether the file is meant to be of some scheme.
        unknown: whether it has scales for ranges that nobody told.
        unseen: operators of the float32 file that were not run beside the network.
    """
    kinds = ("file", "architecture", "scales", "signature", "format")
    count = {kind: sum(fault["check"] == kind for fault in faults) for kind in kinds}
    bad = sum(not entry["passed"] for entry in tensors)
    gone = sum(not entry["passed"] for entry in layers)
    same = "the same operators, options and connections"
    if unseen:
        same += f"; not compared by running: {', '.join(unseen[:4])}" + (f" and {len(unseen) - 4} more" if unseen[4:] else "")
    follow = "scales and zero points follow from each other"
    if unknown:
        follow += "; not compared: ranges of activations, since nobody told what was measured"
    form = "dtypes are those of the variant" if said else "not compared: no scheme"
    return [
        _check("file", count["file"], "file", faults, "order of execution, ends and buffers can be read in one way"),
        _check("parameters", share, "weights", faults, "every parameter is accounted for", least=1.0),
        _check("constants", bad, "weights", faults, f"all {len(tensors)} constants are explained"),
        _check("layers", gone, "layers", faults, f"all {len(layers)} layers are present, fused, or not needed at inference"),
        _check("architecture", count["architecture"], "architecture", faults, same),
        _check("scales", count["scales"], "scales", faults, follow),
        _check("signature", count["signature"], "signature", faults, "names, order and shapes of inputs and outputs"),
        _check("format", count["format"], "format", faults, form),
    ]


def _check(
    name: str, value: float, kind: str, faults: Sequence[Mapping[str, Any]], fine: str, *, least: float | None = None
) -> dict[str, Any]:
    """A verdict: `value` is at least `least`, or 0; its reason is the first fault of this kind."""
    found = [fault for fault in faults if fault["check"] == kind]
    passed = value <= 0 if least is None else value >= least
    reason = fine
    if found and not passed:
        where = ", ".join(found[0]["layers"]) or found[0]["tensor"] or "the file"
        named = found[0]["reason"].startswith(constant_rows.BIAS_OF)
        reason = ("" if named else f"{where}: ") + found[0]["reason"] + (f" (and {len(found) - 1} more)" if len(found) > 1 else "")
    return {
        "name": name,
        "output": "",
        "value": float(value),
        "limit": 0.0 if least is None else least,
        "bound": "at most" if least is None else "at least",
        "passed": passed,
        "reason": reason,
    }
