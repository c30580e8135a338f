"""State that a file keeps and that no output depends on: what Keras leaves of its random numbers where it draws none."""

from pipeline.tflite.flatbuffer import Graph, Operator
from pipeline.tflite.operators import SUBGRAPH_OPTIONS

_STATE = frozenset(("VAR_HANDLE", "READ_VARIABLE", "ASSIGN_VARIABLE"))
# What steps a generator of random numbers. Any other operator may end a later call where the first ones run: such as a GATHER at
# the number of the call.
_STEP = "ADD"


def operators(graph: Graph) -> set[tuple[int, int]]:
    """(subgraph, operator) of those that only read, change and set up variables.

    Empty when an output depends on any variable, or more is computed with them than their next value.
    """
    main = graph.subgraphs[graph.main]
    if not any(operator.name in _STATE for operator in main.operators):
        return set()
    live = _behind(main.operators, set(main.outputs))
    if any(_touches_state(graph, main.operators[index], frozenset()) for index in live):
        return set()
    idle = {index for index, operator in enumerate(main.operators) if operator.name in _STATE}
    # What computes the values that are kept, and nothing else.
    kept = _behind(main.operators, {number for index in idle for number in main.operators[index].inputs})
    if not all(_steps(graph, main.operators[index]) for index in kept - live - idle):
        return set()
    idle |= kept - live
    found = {(graph.main, index) for index in idle}
    for index, operator in enumerate(main.operators):
        start = operator.options.get("initSubgraphIndex") if operator.name == "CALL_ONCE" else None
        if start is not None:
            if any(other.name not in _STATE for other in graph.subgraphs[start].operators):
                return set()
            found |= {(graph.main, index), *((start, at) for at in range(len(graph.subgraphs[start].operators)))}
    return found


def _steps(graph: Graph, operator: Operator) -> bool:
    """Whether an operator adds a constant."""
    return operator.name == _STEP and any(graph.tensors[number].data is not None for number in operator.inputs if number >= 0)


def _behind(operators: list[Operator], wanted: set[int]) -> set[int]:
    """The operators that some tensors are made by, directly or not."""
    found: set[int] = set()
    for index in reversed(range(len(operators))):
        if wanted.intersection(operators[index].outputs):
            found.add(index)
            wanted |= {number for number in operators[index].inputs if number >= 0}
    return found


def _touches_state(graph: Graph, operator: Operator, seen: frozenset[int]) -> bool:
    if operator.name in _STATE:
        return True
    inner = {operator.options[key] for key in SUBGRAPH_OPTIONS if isinstance(operator.options.get(key), int)} - seen
    return any(
        _touches_state(graph, other, seen | inner)
        for number in inner
        if 0 <= number < len(graph.subgraphs)
        for other in graph.subgraphs[number].operators
    )
