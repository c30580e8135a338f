"""The certificate's faults: each with the check that it fails, the layers concerned, the tensor and the reason."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pipeline.tflite.flatbuffer import Graph
from pipeline.verification import (
    activation_scales,
    conversions,
    graph_alignment,
    hadamard,
    narrowed_ranges,
    operator_inputs,
    scale_relations,
    scale_verdicts,
    trained_rounding,
)
from pipeline.verification.constant_rows import BIAS_OF, REWRITING
from pipeline.verification.float32_proof import Proof
from pipeline.verification.graph_alignment import Place

# Of the algorithms that rewrite weights, those that also turn or scale the data: they put operators in front.
_ADDING = REWRITING - {"gptq"}


def fault(check: str, layers: Sequence[str], tensor: str | None, reason: str) -> dict[str, Any]:
    """One row."""
    return {"check": check, "layers": list(layers), "tensor": tensor, "reason": reason}


def constants(rows: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """Of constants that do not hold their value (`constant_rows.rows`)."""
    for row in rows:
        if not row["passed"]:
            place = "" if row["reason"].startswith(BIAS_OF) else f"{row['operator']} input {row['input']}: "
            reason = f"{place}{row['reason']}"
            yield fault("weights", row["layers"], row["tensor"] or row["expected_tensor"], reason)


def architecture(
    proof: Proof, found: Graph, aligned: graph_alignment.Alignment, *, algorithm: str | None, engine: str | None
) -> Iterator[dict[str, Any]]:
    """Of operators of the float32 file against the network, and of the file against the float32 file."""
    for wrong in proof.faults:
        yield fault("architecture", wrong.layers, _tensor_name(proof.graph, wrong.place), wrong.reason)
    for place, reason in operator_inputs.added(proof.graph, found, aligned):
        yield fault("architecture", proof.mapped.layers.get(place, ()), _tensor_name(proof.graph, place), reason)
    for place, reason in operator_inputs.options(found, engine):
        ours = next((ours for ours, theirs in aligned.operators.items() if theirs == place), None)
        layers = [] if ours is None else proof.mapped.layers.get(ours, [])
        yield fault("architecture", layers, _tensor_name(found, place), reason)
    for difference in aligned.differences:
        rotation = difference.found is not None and hadamard.only_for_turned(found, difference.found)
        if difference.expected is not None or not (rotation or algorithm in _ADDING):
            yield _difference(difference, proof, found, aligned)


def _difference(
    difference: graph_alignment.Difference, proof: Proof, found: Graph, aligned: graph_alignment.Alignment
) -> dict[str, Any]:
    """A difference between the two files, with the layers of the operator it concerns or of its neighbours."""
    place = difference.expected
    if place is None and difference.found is not None:
        # An operator that was added: name the layers of the operators that read from it.
        subgraph = found.subgraphs[difference.found[0]]
        outputs = set(subgraph.operators[difference.found[1]].outputs)
        readers = {
            ours
            for ours, theirs in aligned.operators.items()
            if outputs & set(found.subgraphs[theirs[0]].operators[theirs[1]].inputs)
        }
        layers = [layer for ours in sorted(readers) for layer in proof.mapped.layers.get(ours, ())]
        return fault("architecture", list(dict.fromkeys(layers)), _tensor_name(found, difference.found), difference.reason)
    layers = proof.mapped.layers.get(place, []) if place is not None else []
    return fault("architecture", layers, _tensor_name(proof.graph, place), difference.reason)


def uninitialised(found: Graph) -> Iterator[dict[str, Any]]:
    """Of variables that a file reads and nothing in it assigns: what is left of a model that the converter could not find."""
    names = {operator.name for subgraph in found.subgraphs for operator in subgraph.operators}
    if "READ_VARIABLE" in names and "ASSIGN_VARIABLE" not in names:
        reason = (
            "it reads variables that nothing gives a value (READ_VARIABLE without ASSIGN_VARIABLE): the converter was given a "
            "function whose variables it could not find; convert the model itself, or a SavedModel that holds its variables"
        )
        yield fault("architecture", (), None, reason)


def scales(
    source: Mapping[str, Any],
    proof: Proof,
    found: Graph,
    aligned: graph_alignment.Alignment,
    layers: Mapping[Place, Sequence[str]],
    measured: Mapping[str, activation_scales.Ranges] | None,
) -> Iterator[dict[str, Any]]:
    """Of scales and zero points that do not follow from each other, or from the measured ranges.

    Args:
        source: the network's graph (`inference_graph.read`).
        proof, found, aligned: the float32 file explained, the file in question, and what corresponds.
        layers: paths of layers by operators of the found file.
        measured: `bits` of models/ranges.json; None: not known, and so not compared.
    """
    for place, name, reason in trained_rounding.broken(source, proof.graph, found, aligned):
        yield fault("scales", () if place is None else layers.get(place, ()), name, reason)
    for place, reason in (
        *scale_relations.broken(found),
        *narrowed_ranges.broken(proof.graph, found, aligned),
        *conversions.needless(proof.graph, found, aligned),
    ):
        yield fault("scales", layers.get(place, ()), _tensor_name(found, place), reason)
    if measured is not None:
        for at, tensor, reason in activation_scales.unexplained(proof.graph, found, aligned.tensors, measured):
            yield fault("scales", () if at is None else layers.get(at, ()), tensor, reason)


def constant_scales(
    proof: Proof, found: Graph, aligned: graph_alignment.Alignment, tensors: Sequence[Mapping[str, Any]], algorithm: str | None
) -> tuple[str | None, list[dict[str, Any]], list[str]]:
    """How the scales of kernels follow from the weights, those of constants that do not, and notes (`scale_verdicts.judge`).

    Args:
        proof, found, aligned: as above.
        tensors: of `constant_rows.rows`.
        algorithm: how the scales were chosen; None: not said.
    """
    rule, wrong, notes = scale_verdicts.judge(proof, found, aligned, tensors, algorithm)
    return rule, [fault("scales", layers, tensor, reason) for layers, tensor, reason in wrong], notes


def _tensor_name(graph: Graph, place: Place | None) -> str | None:
    if place is None:
        return None
    subgraph = graph.subgraphs[place[0]]
    outputs = subgraph.operators[place[1]].outputs
    return subgraph.tensors[outputs[0]].name if outputs else None
