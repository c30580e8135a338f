"""What a recipe makes of each operator, and why that is not always what was asked for."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np

from pipeline.errors import Impossible
from pipeline.quantization import quantizer_support, recipes, schemes
from pipeline.quantization.recipes import Recipe
from pipeline.tflite import flatbuffer, operators
from pipeline.tflite.flatbuffer import Graph, Operator, Tensor


@dataclass(frozen=True, kw_only=True)
class Treatment:
    """What a recipe makes of one operator.

    Attributes:
        operator: its type.
        tensor: the name of its first output.
        weights: dtype of its weights in the file, or None when it holds none that a recipe could change.
        activations: dtype of its output; "float32" also where it is quantized on the fly, and that of the network where it
            computes with integers of its own, such as shapes, tokens and truth values.
        granularity: of its weights; None where there are none or they stay float.
        algorithm: of its weights; None where there are none or they stay float.
        reason: why this is not what was asked for; empty when it is.
    """

    operator: str
    tensor: str
    weights: str | None
    activations: str
    granularity: str | None
    algorithm: str | None
    reason: str


def describe(
    graph: Graph, recipe: Recipe, *, scheme: str, algorithm: str, granularity: str, exclude: Collection[str] = ()
) -> list[Treatment]:
    """What a recipe makes of each operator of the main subgraph, in order; arguments as those of `recipes.whole`."""
    chosen_by = quantizer_support.chosen_by(recipe)
    asked = schemes.SCHEMES["litert"][scheme]
    rows = []
    for operator in graph.operators:
        name, output = operator.name, graph.tensors[operator.outputs[0]].name
        holds, chosen = _holds_weights(graph, operator), chosen_by(name, recipes.scope(graph, operator))
        activations = graph.tensors[operator.outputs[0]].dtype
        weights, shared, used = "float32" if holds else None, None, None
        if chosen is not None:
            stored, passed = chosen[1].weight_tensor_config, chosen[1].activation_tensor_config
            if passed and activations == "float32":
                activations = quantizer_support.dtype_of(passed)
            if holds:
                weights = quantizer_support.dtype_of(stored)
            if weights in ("int4", "int8"):
                shared, used = quantizer_support.GRANULARITY_OF[str(quantizer_support.plain(stored.granularity))], chosen[0]
        reasons = []
        if output in exclude and recipes.touches_float(graph, operator):
            reasons.append("excluded")
        elif chosen is None and (holds or (quantizer_support.is_static(scheme) and recipes.touches_float(graph, operator))):
            reasons.append(f"litert-quantizer has no {scheme} for {name}: float32" if scheme != "mixed" else "chosen by the search")
        elif shared and scheme != "mixed":
            if weights != asked.weights:
                reasons.append(f"no {asked.weights} kernel for {name}: {weights} per {shared}")
            elif shared != granularity:
                reasons.append(f"no sound {granularity} kernel for {name}, or a width that it does not divide: per {shared}")
            if used != algorithm:
                reasons.append(f"no {algorithm} for {name}: {used}")
        rows.append(
            Treatment(
                operator=name,
                tensor=output,
                weights=weights,
                activations=activations,
                granularity=shared,
                algorithm=used,
                reason="; ".join(reasons),
            )
        )
    return rows


def ranges(
    graph: Graph,
    rows: Collection[Treatment],
    measured: Mapping[str, Mapping[str, tuple[float, float]]],
    *,
    infinite: Collection[str] = (),
) -> dict[str, tuple[float, float]]:
    """The range of each tensor for the width that it gets.

    Where the operator that writes a tensor and the one that reads it have different widths, the writer decides.

    Args:
        graph: of the float32 file.
        rows: of `describe`.
        measured: ranges by tensor, under "8" and "16" (bits).
        infinite: tensors that hold infinity or NaN on some sample, and so have no range.

    Raises:
        Impossible: when an operator that becomes one of integers reads a constant NaN or values that the network rounds itself, or
            has a tensor at either end that is infinite.
    """
    _refuse_infinite(graph, rows, infinite)
    found: dict[str, str] = {}
    rounded = _rounded(graph)
    for operator, row in zip(graph.operators, rows, strict=True):
        if row.activations in ("int8", "int16"):
            width = row.activations.removeprefix("int")
            for index in operator.inputs:
                if index >= 0:
                    _refuse_nan(graph.tensors[index], row)
                    _refuse_rounded(index in rounded, graph.tensors[index], row)
                    found.setdefault(graph.tensors[index].name, width)
            for index in operator.outputs:
                _refuse_rounded(index in rounded, graph.tensors[index], row)
                found[graph.tensors[index].name] = width
    return {name: measured[found.get(name, "8")][name] for name in measured["8"]}


def _refuse_nan(tensor: Tensor, row: Treatment) -> None:
    if tensor.data is not None and tensor.dtype == "float32" and np.isnan(flatbuffer.values(tensor)).any():
        raise Impossible(
            f"{row.operator} reads a constant NaN ({tensor.name}), which {row.activations} cannot hold, so that the file would "
            "answer a number where the network answers NaN",
            "take the variant out of `quantization`, or name the operator's layer in its `exclude`",
            ((row.operator, row.tensor),),
        )


def touching(graph: Graph, tensors: Collection[str]) -> list[int]:
    """Operators that read or write one of these tensors, by number in the main subgraph."""
    numbers = {index for index, tensor in enumerate(graph.tensors) if tensor.name in tensors}
    return [index for index, operator in enumerate(graph.operators) if numbers & {*operator.inputs, *operator.outputs}]


def _refuse_infinite(graph: Graph, rows: Collection[Treatment], infinite: Collection[str]) -> None:
    listed = list(rows)
    wrong = [listed[index] for index in touching(graph, infinite) if listed[index].activations in ("int8", "int16")]
    if wrong:
        first = next(tensor.name for tensor in graph.tensors if tensor.name in infinite)
        kinds = ", ".join(dict.fromkeys(row.operator for row in wrong))
        raise Impossible(
            f"{first} holds infinity or NaN on calibration samples (the logarithm of 0, a mask of -inf?), which "
            f"{wrong[0].activations} cannot",
            f"name the operators at its ends in the variant's `exclude`: [{kinds}], or keep what the network computes finite",
            tuple((row.operator, row.tensor) for row in wrong),
        )


def _rounded(graph: Graph) -> set[int]:
    """Tensors at both ends of QUANTIZE and DEQUANTIZE, which training with fake quantization leaves in a float32 file."""
    quantized = {operator.outputs[0]: operator.inputs[0] for operator in graph.operators if operator.name == "QUANTIZE"}
    back = {operator.inputs[0]: operator.outputs[0] for operator in graph.operators if operator.name == "DEQUANTIZE"}
    return {end for there in quantized.keys() & back.keys() for end in (quantized[there], back[there])}


def _refuse_rounded(rounded: bool, tensor: Tensor, row: Treatment) -> None:
    if rounded:
        raise Impossible(
            f"the network rounds {tensor.name} itself (fake quantization), beside {row.operator}: litert-quantizer does not take "
            "the ranges that were trained, leaves each rounding in float between its integers, and makes of a rounded kernel what "
            "LiteRT's kernels do not take, 8 bits with a zero point or 16 bits",
            "use float16 or dynamic_int8, or converter_int8 where the whole network was trained so, or name the operator's layer "
            "in its `exclude`",
            ((row.operator, row.tensor),),
        )


def _holds_weights(graph: Graph, operator: Operator) -> bool:
    """Whether an operator of a type with weights has them as a constant; a matrix product of two activations has none."""
    slot = operators.of(operator.name).kernel
    if operator.name not in operators.QUANTIZABLE_WEIGHTS or slot is None:
        return False
    kernel = graph.tensors[operator.inputs[slot]]
    return kernel.data is not None and kernel.dtype == "float32"
