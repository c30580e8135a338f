"""The first link of the certificate: the float32 file explained by the network it was converted from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from pipeline.equivalence.conversion_record import Conversion
from pipeline.tflite import flatbuffer
from pipeline.tflite.flatbuffer import Graph
from pipeline.verification import (
    architecture,
    constant_folding,
    constant_origin,
    data_flow,
    end_matching,
    fake_quantization,
    layer_rows,
    linear_operations,
    operands,
    operator_faults,
    run_evidence,
    tensor_origin,
)


@dataclass(frozen=True, kw_only=True)
class Source:
    """The network: its graph and constants (`inference_graph.read`), variables by path, layers and signature (models/source.json).

    `numbered`: Keras 3 made the names of its operations (`layer_names.scope`).
    """

    graph: Mapping[str, Any]
    constants: Mapping[str, np.ndarray]
    weights: Mapping[str, np.ndarray]
    layers: Sequence[Mapping[str, Any]]
    signature: Mapping[str, Any]
    numbered: bool


@dataclass(frozen=True, kw_only=True)
class Proof:
    """The float32 file explained by the network; the same for every variant.

    Attributes:
        graph: the file.
        rows: where each of its constants comes from.
        mapped: operations and layers behind its operators.
        layers: a row for each layer (`layer_rows.rows`).
        faults: what is wrong with its operators.
        shown: paths of the variables behind what running it showed to be the network's.
        not_compared: what of its operators running it did not compare, in words.
    """

    graph: Graph
    rows: list[constant_origin.Row]
    mapped: architecture.Map
    layers: list[dict[str, Any]]
    faults: list[architecture.Fault]
    shown: frozenset[str] = frozenset()
    not_compared: list[str] = field(default_factory=list)


def prove(source: Source, float32: bytes, conversion: Conversion | None = None, ends: end_matching.Ends | None = None) -> Proof:
    """Explain the float32 file by the network.

    Args:
        source: the network.
        float32: a file without quantization, made from the network.
        conversion: what running the file beside the network showed; None: it was not run.
        ends: what inputs and outputs are called in a file that does not have the network's names.
    """
    read = flatbuffer.read(float32)
    graph = tensor_origin.with_constants(read if ends is None else end_matching.renamed(read, ends))
    nodes = source.graph["nodes"]
    known = constant_folding.evaluate(nodes, source.constants, _single(source.weights))
    rows = constant_origin.account(graph, linear_operations.linears(nodes, known), operands.operands(nodes, known))
    mapped = architecture.identify(graph, source.graph, [layer["path"] for layer in source.layers], rows, numbered=source.numbered)
    constant = {reference.split(":")[0] for reference in known}
    faults = [
        *operator_faults.activations(graph, source.graph, mapped),
        *operator_faults.attributes(graph, source.graph, mapped),
        *data_flow.faults(graph, source.graph, mapped),
        *(
            architecture.Fault(place=place, layers=tuple(mapped.layers.get(place, ())) if place else (), reason=reason)
            for place, reason in fake_quantization.unexplained(nodes, known, graph)
        ),
    ]
    layers = layer_rows.rows(graph, source.graph, source.layers, mapped, constant)
    proof = Proof(graph=graph, rows=rows, mapped=mapped, layers=layers, faults=faults)
    if conversion is None:
        return replace(proof, not_compared=["nothing was run beside the network"])
    if not conversion.parts:
        return replace(proof, not_compared=[conversion.not_compared])
    return _settled(proof, source, conversion, constant)


def _settled(proof: Proof, source: Source, conversion: Conversion, constant: set[str]) -> Proof:
    """The proof with what running the file showed."""
    graph, mapped = proof.graph, proof.mapped
    nodes = {node["name"]: node for node in source.graph["nodes"]}
    rows = run_evidence.settled_rows(proof.rows, graph, conversion.parts, nodes)
    layers = proof.layers
    if not all(row["passed"] for row in layers):
        more = run_evidence.extended(mapped, graph, conversion.parts, nodes, architecture.root_scope(source.graph))
        idle = run_evidence.without_operators(conversion.parts, nodes)
        others = layer_rows.rows(graph, source.graph, source.layers, more, constant | idle)
        layers = [row if row["passed"] else other for row, other in zip(layers, others, strict=True)]
    return replace(
        proof,
        rows=rows,
        layers=layers,
        faults=[
            *run_evidence.settled_faults(proof.faults, rows, graph, conversion.parts, mapped),
            *(architecture.Fault(place=None, layers=(), reason=reason) for reason in run_evidence.outputs(conversion)),
        ],
        shown=run_evidence.variables(conversion.parts, nodes),
        not_compared=run_evidence.not_compared(graph, conversion),
    )


def _single(variables: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The variables as the exported network computes with them: half and double precision was rewritten to float32."""
    return {path: value.astype(np.float32) if value.dtype.kind == "f" else value for path, value in variables.items()}
