"""Recipes of litert-quantizer: lists of rules, of which the last that matches an operator wins."""

import re
from collections.abc import Collection, Mapping
from typing import Any

from pipeline.quantization import quantizer_support, schemes
from pipeline.tflite import operators
from pipeline.tflite.flatbuffer import Graph, Operator, Subgraph

Recipe = list[dict[str, Any]]


def whole(graph: Graph, *, scheme: str, algorithm: str, granularity: str, io_dtype: str, exclude: Collection[str] = ()) -> Recipe:
    """The recipe that gives every operator the scheme, or the nearest that litert-quantizer and LiteRT have for it.

    An operator without the algorithm gets min_max; without the granularity a scale for each channel; without the width
    int8; without any of them it stays float32. `treatments` tells which.

    Args:
        graph: of the float32 file.
        scheme: key of `schemes.SCHEMES["litert"]`, quantizing.
        algorithm: one of the scheme's.
        granularity: one of the scheme's.
        io_dtype: dtype of inputs and outputs under a static scheme.
        exclude: tensor names: operators whose first output it is stay float32.
    """
    rules: Recipe = []
    if schemes.SCHEMES["litert"][scheme].activations != "float32":
        # Operators without weights, which only the rule for all reaches.
        rules.append(_rule(".*", "*", "min_max", quantizer_support.config(scheme, bits=8, granularity="channel")))
    for name in operators.QUANTIZABLE_WEIGHTS:
        if chosen := quantizer_support.nearest(name, scheme=scheme, algorithm=algorithm, granularity=granularity):
            rules.append(_rule(".*", name, *chosen))
    # The rules by type also reach what a loop runs.
    for part in graph.subgraphs if granularity in schemes.BLOCKS else ():
        for operator in part.operators:
            if operator.name in operators.QUANTIZABLE_WEIGHTS and not _divides(part, operator, granularity):
                chosen = quantizer_support.nearest(operator.name, scheme=scheme, algorithm=algorithm, granularity="channel")
                if chosen:
                    rules.append(_rule(_only(part, operator), operator.name, *chosen))
    rules += [
        _rule(_only(graph, operator), operator.name, None, None)
        for operator in graph.operators
        if operator.name in operators.QUANTIZABLE and _output(graph, operator) in exclude
    ]
    return [*rules, *_ends(scheme, io_dtype)]


def each(graph: Graph, choices: Mapping[str, str], *, algorithm: str, granularity: str) -> Recipe:
    """The recipe that gives each operator a scheme of its own; inputs and outputs stay float32.

    Args:
        graph: of the float32 file.
        choices: scheme by the name of the operator's first output. An operator that is not named stays float32.
        algorithm, granularity: of weights, wherever the operator has them.
    """
    rules: Recipe = []
    for operator in graph.operators:
        scheme = choices.get(_output(graph, operator), "float32")
        if scheme != "float32" and (found := choice(graph, operator, scheme=scheme, algorithm=algorithm, granularity=granularity)):
            rules.append(_rule(_only(graph, operator), operator.name, *found))
    return rules


def choice(
    graph: Graph, operator: Operator, *, scheme: str, algorithm: str, granularity: str
) -> tuple[str, quantizer_support.Config] | None:
    """Algorithm and configuration that make exactly this scheme of an operator, with the nearest algorithm and granularity.

    None when it has no kernel of the scheme's own widths, or nothing to quantize.
    """
    if operator.name not in operators.QUANTIZABLE or not touches_float(graph, operator):
        return None
    if operator.name not in operators.QUANTIZABLE_WEIGHTS and not quantizer_support.is_static(scheme):
        return None
    if granularity in schemes.BLOCKS and not _divides(graph, operator, granularity):
        granularity = "channel"
    return quantizer_support.nearest(operator.name, scheme=scheme, algorithm=algorithm, granularity=granularity, narrower=False)


def touches_float(graph: Graph, operator: Operator) -> bool:
    """Whether there is anything to quantize: not where a network computes with integers of its own, such as shapes and tokens."""
    return any(graph.tensors[index].dtype == "float32" for index in (*operator.inputs, *operator.outputs) if index >= 0)


def scope(graph: Graph | Subgraph, operator: Operator) -> str:
    """How litert-quantizer calls an operator: the names of its outputs, each with a semicolon behind it."""
    return "".join(f"{graph.tensors[index].name};" for index in operator.outputs)


def _ends(scheme: str, io_dtype: str) -> Recipe:
    """The rules for inputs and outputs, where they are not what the static scheme makes of them itself."""
    activations = schemes.SCHEMES["litert"][scheme].activations
    if io_dtype == activations or activations == "float32":
        return []
    if io_dtype == "float32":
        return [_rule(".*", end, None, None) for end in ("INPUT", "OUTPUT")]
    config = quantizer_support.io_config(io_dtype)
    return [_rule(".*", end, "min_max", config) for end in ("INPUT", "OUTPUT")]


def _rule(regex: str, operation: str, algorithm: str | None, config: quantizer_support.Config | None) -> dict[str, Any]:
    return {
        "regex": regex,
        "operation": quantizer_support.operation_of(operation).value,
        "algorithm_key": quantizer_support.key(algorithm),
        "op_config": quantizer_support.plain((config or quantizer_support.Config()).to_dict()),
    }


def _divides(graph: Graph | Subgraph, operator: Operator, block: str) -> bool:
    """Whether the block divides the last dimension of the operator's constant: weights [out, in]."""
    constants = [graph.tensors[index] for index in operator.inputs if index >= 0 and graph.tensors[index].data is not None]
    widths = [tensor.shape[-1] for tensor in constants if len(tensor.shape) == 2]
    return bool(widths) and all(width % int(block.removeprefix("block")) == 0 for width in widths)


def _only(graph: Graph | Subgraph, operator: Operator) -> str:
    """A pattern for this operator alone."""
    return f"^{re.escape(scope(graph, operator))}$"


def _output(graph: Graph, operator: Operator) -> str:
    return graph.tensors[operator.outputs[0]].name
