"""Where each constant of a float32 .tflite file comes from: which variables of the network, by which transformation.

Nothing is matched by eye: the constant that each operator must hold is recomputed (`constant_folding`, `linear_operations`) and
compared within the rounding of float32. Names only decide which explanation is tried first, and which one a fault is reported
against.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pipeline.tflite import flatbuffer, operators
from pipeline.tflite.flatbuffer import Operator, Tensor
from pipeline.verification import kernel_origin, operand_origin
from pipeline.verification.linear_operations import Linear
from pipeline.verification.operands import Operand


@dataclass(frozen=True, kw_only=True)
class Row:
    """One constant as one operator reads it.

    Attributes:
        subgraph: number of the subgraph; `operator`, `input`: of the operator in it, and which of its inputs.
        tensor: name of the constant; `type`: of the operator.
        variables: paths of the variables it comes from, sorted.
        node: the operation of the original graph it was compared with, empty when there is none; `operations`: those whose
            constants were folded into it.
        transformation: in words; `kind`: one of EXACT, LAYOUT, FOLDED, CONVERTER (`recomputed_value`).
        max_error: largest difference to what was recomputed, in real units; `share`: the largest share of what float32
            rounding allows that an entry uses up, at most 1 when it passes (0: equal bit for bit).
        passed: every entry is within its bound; `reason`: in words.
        lost: what it would be without one of the operations that were folded into it, [channels] or [1] by the operation's name.
        slack: of `recomputed_value.slack` in the layout of the file, computed when it is asked for; None: bit for bit.
    """

    subgraph: int
    operator: int
    input: int
    tensor: str
    type: str
    elements: int
    variables: list[str]
    node: str
    operations: tuple[str, ...]
    transformation: str
    kind: str
    max_error: float | None
    share: float | None
    passed: bool
    reason: str
    slack: Callable[[], np.ndarray] | None = field(default=None, compare=False)
    lost: Mapping[str, np.ndarray] = field(default_factory=dict, compare=False)


def account(graph: flatbuffer.Graph, linears: Sequence[Linear], operands: Sequence[Operand]) -> list[Row]:
    """A row for every constant of every operator of a float32 file.

    Args:
        graph: the file.
        linears: of `linear_operations.linears`.
        operands: of `operands.operands`.
    """
    by_size: dict[int, list[Operand]] = {}
    for operand in operands:
        by_size.setdefault(operand.constant.value.size, []).append(operand)
    claimed: set[str] = set()
    rows: list[Row] = []
    for number, subgraph in enumerate(graph.subgraphs):
        for index, operator in enumerate(subgraph.operators):
            if operator.name in operators.CONVERSIONS:
                continue  # whatever reads its result reads the constant (`tensor_origin.with_constants`)
            constants = {
                place: subgraph.tensors[tensor]
                for place, tensor in enumerate(operator.inputs)
                if tensor >= 0 and subgraph.tensors[tensor].data is not None
            }
            names = _names(subgraph.tensors, operator)
            # Integers that no value of the network flows through: index arithmetic of loops and shapes.
            real = any(
                number >= 0 and subgraph.tensors[number].dtype == "float32" for number in (*operator.inputs, *operator.outputs)
            )
            for place, found in _operator(operator, constants, names, linears, by_size, claimed, real=real):
                rows.append(
                    Row(subgraph=number, operator=index, input=place, tensor=constants[place].name, type=operator.name, **found)
                )
    return rows


def _operator(
    operator: Operator,
    constants: Mapping[int, Tensor],
    names: set[str],
    linears: Sequence[Linear],
    by_size: Mapping[int, list[Operand]],
    claimed: set[str],
    *,
    real: bool,
) -> Iterator[tuple[int, dict[str, Any]]]:
    done: set[int] = set()
    if operator.name in operators.LINEAR and operators.LINEAR[operator.name].kernel in constants:
        found = kernel_origin.explain(operator, constants, names, linears, claimed)
        if found is not None:
            yield from found.items()
            done = set(found)
    for place, tensor in constants.items():
        if place not in done:
            yield place, operand_origin.explain(operator, place, tensor, names, by_size, claimed, real=real)


def _names(tensors: Sequence[Tensor], operator: Operator) -> set[str]:
    numbers = [*operator.outputs, *(tensor for tensor in operator.inputs if tensor >= 0 and tensors[tensor].data is not None)]
    found = {name for number in numbers for name in tensors[number].name.split(";")}
    return found | {name.rstrip("0123456789") for name in found}
