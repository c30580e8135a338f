"""The first link of the certificate: the float32 file explained by the network it was converted from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.tflite import flatbuffer
from pipeline.tflite.flatbuffer import Graph
from pipeline.verification import (
    architecture,
    constant_folding,
    constant_origin,
    data_flow,
    fake_quantization,
    layer_rows,
    linear_operations,
    operands,
    operator_faults,
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
    """

    graph: Graph
    rows: list[constant_origin.Row]
    mapped: architecture.Map
    layers: list[dict[str, Any]]
    faults: list[architecture.Fault]


def prove(source: Source, float32: bytes) -> Proof:
    """Explain the float32 file by the network.

    Args:
        source: the network.
        float32: a file without quantization, made from the network.
    """
    graph = tensor_origin.with_constants(flatbuffer.read(float32))
    nodes = source.graph["nodes"]
    known = constant_folding.evaluate(nodes, source.constants, _single(source.weights))
    rows = constant_origin.account(graph, linear_operations.linears(nodes, known), operands.operands(nodes, known))
    mapped = architecture.identify(graph, source.graph, [layer["path"] for layer in source.layers], rows, numbered=source.numbered)
    constant = {reference.split(":")[0] for reference in known}
    return Proof(
        graph=graph,
        rows=rows,
        mapped=mapped,
        layers=layer_rows.rows(graph, source.graph, source.layers, mapped, constant),
        faults=[
            *operator_faults.activations(graph, source.graph, mapped),
            *operator_faults.attributes(graph, source.graph, mapped),
            *data_flow.faults(graph, source.graph, mapped),
            *(
                architecture.Fault(place=place, layers=tuple(mapped.layers.get(place, ())) if place else (), reason=reason)
                for place, reason in fake_quantization.unexplained(nodes, known, graph)
            ),
        ],
    )


def _single(variables: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The variables as the exported network computes with them: half and double precision was rewritten to float32."""
    return {path: value.astype(np.float32) if value.dtype.kind == "f" else value for path, value in variables.items()}
