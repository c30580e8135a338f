"""What makes each tensor of one .tflite file, looking through operators that only change its format."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pipeline.tflite import operators
from pipeline.tflite.flatbuffer import Graph, Operator, Tensor

# (subgraph, tensor)
Slot = tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class Side:
    """One file with what makes each tensor.

    Attributes:
        graph: the file.
        makers: (operator, output) by tensor, for each subgraph.
        inputs: names of the signature's inputs by tensor.
    """

    graph: Graph
    makers: Sequence[dict[int, tuple[int, int]]]
    inputs: dict[int, str]


def side(graph: Graph) -> Side:
    """A file with what makes each tensor."""
    makers = [
        {
            tensor: (index, place)
            for index, operator in enumerate(subgraph.operators)
            for place, tensor in enumerate(operator.outputs)
        }
        for subgraph in graph.subgraphs
    ]
    return Side(graph=graph, makers=makers, inputs={number: name for name, number in graph.inputs.items()})


def with_constants(graph: Graph) -> Graph:
    """The graph whose operators read constants themselves, not what operators that only change their format make of them."""
    file = side(graph)

    def constant(at: Slot) -> int:
        before = at if at[1] < 0 else through(file, at)
        return before[1] if before[1] >= 0 and tensor(file, before).data is not None else at[1]

    subgraphs = [
        replace(
            subgraph,
            operators=[
                one
                if one.name in operators.CONVERSIONS
                else replace(one, inputs=tuple(constant((number, entry)) for entry in one.inputs))
                for one in subgraph.operators
            ],
        )
        for number, subgraph in enumerate(graph.subgraphs)
    ]
    return replace(graph, subgraphs=subgraphs, operators=subgraphs[graph.main].operators)


def tensor(file: Side, at: Slot) -> Tensor:
    """The tensor at a place."""
    return file.graph.subgraphs[at[0]].tensors[at[1]]


def operator(file: Side, place: tuple[int, int]) -> Operator:
    """The operator at (subgraph, operator)."""
    return file.graph.subgraphs[place[0]].operators[place[1]]


def maker(file: Side, at: Slot) -> tuple[int, int] | None:
    """Number of the operator that makes a tensor, and which of its outputs it is; None for an input and a constant."""
    return file.makers[at[0]].get(at[1])


def through(file: Side, at: Slot) -> Slot:
    """The tensor before quantizing and dequantizing operators; `at` itself where a damaged file's go in a circle."""
    start, seen = at, {at}
    made = maker(file, at)
    while made is not None:
        one = operator(file, (at[0], made[0]))
        if one.name not in operators.CONVERSIONS:
            break
        if (at[0], one.inputs[0]) in seen:
            return start
        seen.add((at[0], one.inputs[0]))
        at = (at[0], one.inputs[0])
        made = maker(file, at)
    return at


def data(file: Side, at: Slot, one: Operator) -> int | None:
    """The first input of an operator, in the subgraph of `at`, that is no constant."""
    tensors = file.graph.subgraphs[at[0]].tensors
    return next((number for number in one.inputs if number >= 0 and tensors[number].data is None), None)


def maker_name(file: Side, at: Slot) -> str | None:
    """Name of the operator that makes a tensor, None when none does."""
    at = through(file, at)
    made = maker(file, at)
    return None if made is None else operator(file, (at[0], made[0])).name


def words(file: Side, at: Slot) -> str:
    """What a tensor is that no operator makes."""
    if at[0] == file.graph.main and at[1] in file.inputs:
        return f"input {file.inputs[at[1]]}"
    arguments = file.graph.subgraphs[at[0]].inputs
    if at[1] in arguments:
        return f"argument {arguments.index(at[1])} of a nested graph"
    return "a constant" if tensor(file, at).data is not None else "nothing"
