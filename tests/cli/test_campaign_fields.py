"""Every field of the schema is compared by the judgement, or stands here with the reason why it is not."""

from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from pipeline.cli import campaign, campaign_files, campaign_mutations
from pipeline.tflite import flatbuffer
from pipeline.verification import graph_alignment
from tests import faults

PEOPLE = "for people and tools: no kernel reads it"
NEVER = "LiteRT does not read it"
# Fields of no operator's options.
NOT_COMPARED: dict[str, str] = {
    "Model.description": PEOPLE,
    "Model.metadata": PEOPLE,
    "Model.metadataBuffer": PEOPLE,
    "Metadata.name": PEOPLE,
    "Metadata.buffer": PEOPLE,
    "SubGraph.name": PEOPLE,
    "Tensor.name": PEOPLE,
    "SubGraph.debugMetadataIndex": PEOPLE,
    "Operator.debugMetadataIndex": PEOPLE,
    "Buffer.size": "read with `offset` only, which is compared",
}
OPTIONS: list[str] = sorted(
    name for type_ in ("builtinOptions", "builtinOptions2") for name in campaign_mutations.classes("OperatorT", type_)
)


@pytest.fixture(scope="module")
def files() -> list[campaign_files.File]:
    return [file for name in ("dense", "shapes") for file in campaign_files.made(name)[1]]


def test_what_is_not_compared_is_in_the_schema() -> None:
    assert set(NOT_COMPARED) <= set(campaign_mutations.schema_fields())


def subgraph(operator: Any) -> Any:
    """A subgraph of one operator."""
    graph, tensors = schema.SubGraphT(), [schema.TensorT(), schema.TensorT()]
    for number, tensor in enumerate(tensors):
        tensor.name, tensor.shape = f"t{number}".encode(), np.array([1], np.int32)
    operator.inputs, operator.outputs = np.array([0], np.int32), np.array([1], np.int32)
    graph.tensors, graph.operators = tensors, [operator]
    graph.inputs, graph.outputs = np.array([0], np.int32), np.array([1], np.int32)
    return graph


def one_operator(options: Any) -> flatbuffer.Graph:
    """A file with one operator that has these options, and two other subgraphs that they may name; read again."""
    operators = [schema.OperatorT() for _ in range(3)]
    owner = type(options).__name__.removesuffix("T")
    for field, union in (("builtinOptions", schema.BuiltinOptions), ("builtinOptions2", schema.BuiltinOptions2)):
        if hasattr(union, owner):
            setattr(operators[0], field, options)
            setattr(operators[0], f"{field}Type", getattr(union, owner))
    model, names = schema.ModelT(), ("ABS", "NEG", "EXP")
    model.operatorCodes = [schema.OperatorCodeT() for _ in names]
    for number, (code, name) in enumerate(zip(model.operatorCodes, names, strict=True)):
        code.builtinCode = code.deprecatedBuiltinCode = getattr(schema.BuiltinOperator, name)
        code.version, operators[number].opcodeIndex = 1, number
    model.version, model.buffers, model.subgraphs = 3, [schema.BufferT()], [subgraph(operator) for operator in operators]
    signature, ends = schema.SignatureDefT(), [schema.TensorMapT(), schema.TensorMapT()]
    for number, end in enumerate(ends):
        end.name, end.tensorIndex = (b"x", b"y")[number], number
    signature.inputs, signature.outputs, signature.signatureKey = ends[:1], ends[1:], b"serving_default"
    model.signatureDefs = [signature]
    return flatbuffer.read(campaign_mutations.written(model))
