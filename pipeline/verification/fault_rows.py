"""The certificate's faults: each with the check that it fails, the layers concerned, the tensor and the reason."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from pipeline.tflite import flatbuffer
from pipeline.tflite.flatbuffer import Graph
from pipeline.verification import activation_scales, fake_quantization, graph_alignment, scale_relations, stored_values
from pipeline.verification.constant_rows import BIAS_OF, REWRITING
from pipeline.verification.float32_proof import Proof
from pipeline.verification.graph_alignment import Place

# Of the algorithms that rewrite weights, those that also turn or scale the data: they put operators in front.
_ADDING = REWRITING - {"gptq"}
# A scale counts as one of min/max when it is this close to it, and a file's scales when more than half of them are.
_NEAR, _MOST = 1e-2, 0.5


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


def architecture(proof: Proof, found: Graph, aligned: graph_alignment.Alignment, algorithm: str | None) -> Iterator[dict[str, Any]]:
    """Of operators of the float32 file against the network, and of the file against the float32 file."""
    for wrong in proof.faults:
        yield fault("architecture", wrong.layers, _tensor_name(proof.graph, wrong.place), wrong.reason)
    for difference in aligned.differences:
        if not (algorithm in _ADDING and difference.expected is None):
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
    for place, name, reason in fake_quantization.broken(source, proof.graph, found, aligned):
        yield fault("scales", () if place is None else layers.get(place, ()), name, reason)
    for place, reason in scale_relations.broken(found):
        yield fault("scales", layers.get(place, ()), _tensor_name(found, place), reason)
    if measured is not None:
        for at, tensor, reason in activation_scales.unexplained(proof.graph, found, aligned.tensors, measured):
            yield fault("scales", () if at is None else layers.get(at, ()), tensor, reason)


def kernel_scales(
    proof: Proof, found: Graph, aligned: graph_alignment.Alignment, algorithm: str | None
) -> tuple[str | None, list[dict[str, Any]]]:
    """How the scales of quantized kernels follow from the weights, and those that do not follow by min/max where all should.

    Args:
        proof, found, aligned: as above.
        algorithm: how the scales were chosen; None: not said, then "min_max" when most of the scales say so themselves.

    Returns:
        "min_max", the algorithm, "other", or None when no kernel is quantized; and the faults.
    """
    kernels = []
    for (number, index, place), (subgraph, tensor) in aligned.constants.items():
        operator = proof.graph.subgraphs[number].operators[index]
        kernel = found.subgraphs[subgraph].tensors[tensor]
        if stored_values.KERNELS.get(operator.name, (None,))[0] != place or kernel.scales is None:
            continue
        expected = proof.graph.subgraphs[number].tensors[operator.inputs[place]]
        if expected.shape == kernel.shape and expected.dtype == "float32":
            kernels.append(((number, index), kernel, *stored_values.kernel_scales(kernel, flatbuffer.values(expected))))
    if not kernels:
        return None, []
    ratios = np.concatenate([ratio for *_, ratio in kernels])
    known = ratios[~np.isnan(ratios)]
    follows = algorithm == "min_max" or (algorithm is None and known.size > 0 and np.mean(np.abs(known - 1) < _NEAR) > _MOST)
    if not follows:
        return algorithm or "other", []
    faults = []
    for at, kernel, rule, ratio in kernels:
        if rule != "symmetric":
            worst = int(np.nanargmax(np.abs(ratio - 1)))
            reason = f"scale {worst} of the kernel is {ratio[worst]:.6g} times what its largest weight asks for"
            faults.append(fault("scales", proof.mapped.layers.get(at, []), kernel.name, reason))
    return "min_max", faults


def _tensor_name(graph: Graph, place: Place | None) -> str | None:
    if place is None:
        return None
    subgraph = graph.subgraphs[place[0]]
    outputs = subgraph.operators[place[1]].outputs
    return subgraph.tensors[outputs[0]].name if outputs else None
