"""Every field of the schema is compared by the judgement, or stands here with the reason why it is not."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from pipeline.cli import campaign_files, campaign_mutations, campaign_runs
from pipeline.cli import campaign_values as values
from pipeline.cli.campaign_attacks import ATTACKS
from pipeline.errors import UserError
from pipeline.tflite import flatbuffer
from pipeline.verification import graph_alignment, operator_inputs

_PEOPLE = "for people and tools: no kernel reads it"
_CUSTOM = "of custom operators, whose kernels are not compared either, as the certificate says"
# Fields that may be anything, or anything that can be read, and the reason.
NOT_COMPARED: dict[str, str] = {
    "Model.description": _PEOPLE,
    "Model.metadata": _PEOPLE,
    "Model.metadataBuffer": _PEOPLE,
    "Metadata.name": _PEOPLE,
    "Metadata.buffer": _PEOPLE,
    "SubGraph.name": _PEOPLE,
    "SubGraph.debugMetadataIndex": _PEOPLE,
    "Operator.debugMetadataIndex": _PEOPLE,
    "Tensor.name": _PEOPLE,
    "Tensor.hasRank": "whether a tensor without a shape is a scalar: read by the converter",
    "Tensor.variantTensors": "what a tensor of type VARIANT holds; no network that is converted has one",
    "QuantizationParameters.min": "the converter's notes of the range; kernels read scale and zero point",
    "QuantizationParameters.max": "the converter's notes of the range; kernels read scale and zero point",
    "Operator.customOptionsFormat": _CUSTOM,
    "Operator.largeCustomOptionsOffset": _CUSTOM,
    "Operator.largeCustomOptionsSize": _CUSTOM,
    "OperatorCode.customCode": _CUSTOM,
    "Operator.mutatingVariableInputs": "kernels read which of their inputs are variables from the tensors",
    "BlockwiseQuantization.zeroPoints": "weights in blocks are symmetric: no kernel reads zero points",
    "BlockwiseQuantization.blockShape": "kernels take blocks of `blockSize` along what is summed",
    "Buffer.size": "counts with `offset`, which is compared",
    "Model.externalBuffers": "only tensors that name one read it, and such a file is refused",
    "Model.externalBufferGroups": "only tensors that name one read it, and such a file is refused",
    "Operator.builtinOptions2": "counts with its type; both together are compared",
    "Operator.builtinOptions2Type": "counts with its table; both together are compared",
    "QuantizationParameters.details": "counts with its type; both together are compared",
    "Operator.intermediates": "of fused LSTMs with integers, which the certificate says are not compared",
    "OperatorCode.version": "LiteRT knows it or refuses the file, which `predict` and `audit` say; kernels do not read it",
}
# Options that may be anything, and the reason.
_NUMBERS = "the number of a subgraph, whose operators are compared instead"
_GUESS = "read by no kernel: a note of the converter"
OPTIONS_NOT_COMPARED: dict[str, str] = {
    "ReshapeOptions.newShape": "the second input comes before it",
    "AddOptions.potScaleInt16": "counts where all scales are powers of two, for the kernel that then computes the same sum",
    "SubOptions.potScaleInt16": "counts where all scales are powers of two, for the kernel that then computes the same sum",
}
OPTIONS = sorted({*values.classes("OperatorT", "builtinOptions"), *values.classes("OperatorT", "builtinOptions2")})
# Two values of each type.
_TWO: dict[str, tuple[Any, Any]] = {
    "int": (1, 2),
    "bool": (False, True),
    "float": (1.0, 2.0),
    "Optional[str]": (b"a", b"b"),
    "Optional[List[int]]": (np.array([1, 2], np.int32), np.array([2, 1], np.int32)),
    "Optional[List[float]]": (np.array([1.0], np.float32), np.array([2.0], np.float32)),
    "Optional[List[bool]]": (np.array([True]), np.array([False])),
}


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


@pytest.mark.parametrize("options", OPTIONS)
def test_every_option_of_every_operator_is_compared(options: str) -> None:
    for field, type_ in values.types(options).items():
        graphs = []
        for value in _TWO[type_]:
            made = getattr(schema, options)()
            # The file's first subgraph is the one that holds the operator.
            for name in values.types(options):
                if name.lower().endswith("subgraphindex"):
                    setattr(made, name, 1)
            setattr(made, field, value)
            graphs.append(one_operator(made))
        alike, other = (
            (graph_alignment.align(graphs[0], graph).differences, list(operator_inputs.options(graph))) for graph in graphs
        )
        name = campaign_mutations.named(options, field)
        assert (alike == other) == (name in OPTIONS_NOT_COMPARED), name


def test_what_is_not_compared_is_in_the_schema() -> None:
    assert {*NOT_COMPARED, *OPTIONS_NOT_COMPARED} <= set(campaign_mutations.schema_fields())


@pytest.fixture(scope="module")
def files() -> list[campaign_files.File]:
    """Formats that between them have every field that a file of one subgraph has."""
    kinds = ("float32", "static_wi8_ai8", "dynamic_wi4_afp32", "static_wi8_ai16")
    return [file for file in campaign_files.made("dense")[1] if file.engine == "litert" and file.scheme in kinds]


@pytest.fixture(scope="module")
def runner() -> Iterator[campaign_runs.Runner]:
    with campaign_runs.runner() as found:
        yield found


def test_every_other_field_is_compared(files: list[campaign_files.File], runner: campaign_runs.Runner) -> None:
    """A field that is not listed: some other value is refused. One that is: whatever passes computes the same."""
    rng = np.random.default_rng(0)
    drawn, refused, changed = set[str](), set[str](), set[str]()
    for file in files:
        content = campaign_mutations.parse(file.content)
        model, order = campaign_mutations.written(content), list(file.network.samples)
        before = campaign_runs.outputs(runner, model, file.network.samples, order)
        assert not isinstance(before, str)
        for field, places in campaign_mutations.sites(content).items():
            # By the names of the float32 file's tensors it is known which layer an operator belongs to.
            if "Options." in field or (field, file.scheme) == ("Tensor.name", "float32"):
                continue
            for _ in range(12):
                if field in refused - set(NOT_COMPARED):
                    break  # seen: one refusal shows that it is compared
                mutant = campaign_mutations.changed(model, content, places, rng)
                if mutant is None:
                    continue
                drawn.add(field)
                if not readable(mutant.content):
                    # Of a field that is listed only what can be read may be anything.
                    refused |= {field} - set(NOT_COMPARED)
                elif not passes(file, mutant.content):
                    refused.add(field)
                elif field in NOT_COMPARED:
                    after = campaign_runs.outputs(runner, mutant.content, file.network.samples, order)
                    if isinstance(after, str):
                        changed |= set() if campaign_runs.OPENING in after else {field}
                    elif campaign_runs.difference(before, after)[0]:
                        changed.add(field)
    assert drawn - refused == set(NOT_COMPARED) & drawn
    assert changed == set()


def readable(content: bytes) -> bool:
    try:
        flatbuffer.read(content)
    except ValueError:
        return False
    return True


def passes(file: campaign_files.File, content: bytes) -> bool:
    attack = ATTACKS["float32" if file.scheme == "float32" else "variant"]
    try:
        return bool(attack.judge(file, content, None)["passed"])
    except UserError:
        return False
