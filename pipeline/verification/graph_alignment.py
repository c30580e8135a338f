"""Which operator of one .tflite file is which of another made from the same network: both are walked back from their outputs.

Quantizing and dequantizing operators are looked through, so that a quantized file can be laid beside the float one. Names of
tensors play no part, except those of the signature.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import zip_longest

from pipeline.tflite import idle_state, operators
from pipeline.tflite.flatbuffer import Graph, Operator
from pipeline.verification import tensor_origin
from pipeline.verification.tensor_origin import Side

# (subgraph, operator) and (subgraph, operator, input)
Place = tuple[int, int]
Slot = tuple[int, int, int]

# Options that say nothing about what is computed in real numbers (the first counts only where all scales are powers
# of two; `operator_inputs.options` judges the next two), or that number subgraphs.
_IGNORED = {"potScaleInt16", "asymmetricQuantizeInputs", "quantizedBiasType", "newShape", *operators.SUBGRAPH_OPTIONS}


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Something that is not the same in both files. `expected` and `found` are operators; None where there is none."""

    expected: Place | None
    found: Place | None
    reason: str


@dataclass(kw_only=True)
class Alignment:
    """What corresponds, from the expected file to the found one.

    Attributes:
        operators: places by place.
        constants: (subgraph, tensor) by constant input.
        tensors: (subgraph, tensor) of what flows between operators.
        differences: everything else.
    """

    operators: dict[Place, Place] = field(default_factory=dict)
    constants: dict[Slot, tuple[int, int]] = field(default_factory=dict)
    tensors: dict[tuple[int, int], tuple[int, int]] = field(default_factory=dict)
    differences: list[Difference] = field(default_factory=list)


def align(expected: Graph, found: Graph) -> Alignment:
    """Lay two files of one network beside each other.

    Args:
        expected: the float32 file.
        found: the file in question.

    Returns:
        What corresponds, and every difference: operators missing, added, replaced, with other options, fed in another order;
        `constants` maps a constant input of the expected file to (subgraph, tensor) of the found one.
    """
    result = Alignment()
    for kind, ours, theirs in (("input", expected.inputs, found.inputs), ("output", expected.outputs, found.outputs)):
        if list(ours) != list(theirs):
            wanted, got = ", ".join(ours), ", ".join(theirs)
            result.differences.append(Difference(expected=None, found=None, reason=f"{kind}s are {got}; expected {wanted}"))
    walk = _Walk(ours=tensor_origin.side(expected), theirs=tensor_origin.side(found), result=result)
    for name in expected.outputs:
        if name in found.outputs:
            _visit(walk, (expected.main, expected.outputs[name]), (found.main, found.outputs[name]))
    while walk.todo:
        _compare(walk, *walk.todo.pop())
    found_places = set(result.operators.values())
    removed = {difference.expected for difference in result.differences}
    for place, operator in _places(expected):
        if place not in result.operators and place not in removed and operator.name not in operators.CONVERSIONS:
            result.differences.append(Difference(expected=place, found=None, reason=f"{operator.name} is missing"))
    # An expected file is the network as it runs, without the state that it only trains with.
    added = {difference.found for difference in result.differences} | idle_state.operators(found)
    for place, operator in _places(found):
        if place not in found_places and place not in added and operator.name not in operators.CONVERSIONS:
            result.differences.append(Difference(expected=None, found=place, reason=f"{operator.name} has been added"))
    return result


def _places(graph: Graph) -> Iterator[tuple[Place, Operator]]:
    for number, subgraph in enumerate(graph.subgraphs):
        for index, operator in enumerate(subgraph.operators):
            yield (number, index), operator


@dataclass(frozen=True, kw_only=True)
class _Walk:
    """The state of the walk from the outputs: both files, what was found, pairs of tensors still to compare, and pairs seen."""

    ours: Side
    theirs: Side
    result: Alignment
    todo: list[tuple[Place, Place]] = field(default_factory=list)
    seen: set[tuple[Place, Place]] = field(default_factory=set)


def _visit(walk: _Walk, ours: Place, theirs: Place) -> None:
    """Two tensors that should be the same, to be compared."""
    pair = (tensor_origin.through(walk.ours, ours), tensor_origin.through(walk.theirs, theirs))
    walk.result.tensors.setdefault(ours, theirs)
    if pair not in walk.seen:
        walk.seen.add(pair)
        walk.todo.append(pair)


def _note(walk: _Walk, reason: str, expected: Place | None = None, found: Place | None = None) -> None:
    walk.result.differences.append(Difference(expected=expected, found=found, reason=reason))


def _compare(walk: _Walk, ours: Place, theirs: Place) -> None:
    first, second = tensor_origin.maker(walk.ours, ours), tensor_origin.maker(walk.theirs, theirs)
    if first is None or second is None:
        _ends(walk, ours, theirs, first, second)
        return
    places = (ours[0], first[0]), (theirs[0], second[0])
    operators = tensor_origin.operator(walk.ours, places[0]), tensor_origin.operator(walk.theirs, places[1])
    if operators[0].name != operators[1].name:
        _mismatch(walk, ours, theirs, places, operators)
        return
    if first[1] != second[1]:
        _note(walk, f"output {second[1]} of {operators[1].name} is read where output {first[1]} was", *places)
    if places[0] in walk.result.operators:
        if walk.result.operators[places[0]] != places[1]:
            _note(walk, f"{operators[0].name} is carried by two operators", *places)
        return
    walk.result.operators[places[0]] = places[1]
    _options(walk, places, operators)
    _inputs(walk, places, operators)
    _nested(walk, places, operators)
    for mine, yours in zip(operators[0].outputs, operators[1].outputs, strict=False):
        walk.result.tensors[ours[0], mine] = (theirs[0], yours)


def _ends(walk: _Walk, ours: Place, theirs: Place, mine: Place | None, yours: Place | None) -> None:
    """At least one tensor is made by no operator: an input of the graph, or a constant."""
    names = tensor_origin.words(walk.ours, ours), tensor_origin.words(walk.theirs, theirs)
    if mine is not None:
        operator = tensor_origin.operator(walk.ours, (ours[0], mine[0]))
        _note(walk, f"{operator.name} is missing: {names[1]} is read instead", (ours[0], mine[0]), None)
        data = tensor_origin.data(walk.ours, ours, operator)
        if data is not None:
            _visit(walk, (ours[0], data), theirs)
    elif yours is not None:
        operator = tensor_origin.operator(walk.theirs, (theirs[0], yours[0]))
        _note(walk, f"{operator.name} stands between {names[0]} and what reads it", None, (theirs[0], yours[0]))
        data = tensor_origin.data(walk.theirs, theirs, operator)
        if data is not None:
            _visit(walk, ours, (theirs[0], data))
    elif names[0] != names[1]:
        _note(walk, f"{names[1]} is read where {names[0]} was")


def _mismatch(walk: _Walk, ours: Place, theirs: Place, places: tuple[Place, Place], operators: tuple[Operator, Operator]) -> None:
    """Two operators of different kinds: one missing, one added, or one in the other's place."""
    mine, yours = tensor_origin.data(walk.ours, ours, operators[0]), tensor_origin.data(walk.theirs, theirs, operators[1])
    before = None if mine is None else tensor_origin.maker_name(walk.ours, (ours[0], mine))
    other = None if yours is None else tensor_origin.maker_name(walk.theirs, (theirs[0], yours))
    if mine is not None and before == operators[1].name and other != operators[0].name:
        _note(walk, f"{operators[0].name} is missing", places[0], None)
        _visit(walk, (ours[0], mine), theirs)
    elif yours is not None and other == operators[0].name and before != operators[1].name:
        _note(walk, f"{operators[1].name} has been added", None, places[1])
        _visit(walk, ours, (theirs[0], yours))
    else:
        _note(walk, f"{operators[1].name} stands in place of {operators[0].name}", *places)
        walk.result.operators[places[0]] = places[1]
        for a, b in zip(operators[0].inputs, operators[1].inputs, strict=False):
            if a >= 0 and b >= 0 and tensor_origin.tensor(walk.ours, (ours[0], a)).data is None:
                _visit(walk, (ours[0], a), (theirs[0], b))


def _options(walk: _Walk, places: tuple[Place, Place], operators: tuple[Operator, Operator]) -> None:
    ours, theirs = operators[0].options, operators[1].options
    for key in sorted((set(ours) | set(theirs)) - _IGNORED):
        if ours.get(key) != theirs.get(key):
            _note(walk, f"{operators[0].name} has {key} {theirs.get(key)}; expected {ours.get(key)}", *places)


def _inputs(walk: _Walk, places: tuple[Place, Place], operators: tuple[Operator, Operator]) -> None:
    for place, (a, b) in enumerate(zip_longest(operators[0].inputs, operators[1].inputs, fillvalue=-1)):
        if a < 0:
            # A bias left out is a bias of zeros; the accounting of weights sees it.
            continue
        if b < 0:
            _note(walk, f"{operators[0].name} lost its input {place}", *places)
            continue
        one = tensor_origin.through(walk.ours, (places[0][0], a))
        other = tensor_origin.through(walk.theirs, (places[1][0], b))
        if tensor_origin.tensor(walk.ours, one).data is not None and tensor_origin.tensor(walk.theirs, other).data is not None:
            walk.result.constants[(*places[0], place)] = other
        else:
            _visit(walk, (places[0][0], a), (places[1][0], b))


def _nested(walk: _Walk, places: tuple[Place, Place], pair: tuple[Operator, Operator]) -> None:
    """The outputs of the subgraphs that conditions and loops run."""
    for key in operators.SUBGRAPH_OPTIONS:
        inner, other = pair[0].options.get(key), pair[1].options.get(key)
        if isinstance(inner, int) and isinstance(other, int):
            ends = walk.ours.graph.subgraphs[inner].outputs, walk.theirs.graph.subgraphs[other].outputs
            if len(ends[0]) != len(ends[1]):
                what = f"{key.removesuffix('Index').removesuffix('Subgraph')} graph of {pair[0].name}"
                _note(walk, f"the {what} has {len(ends[1])} outputs; expected {len(ends[0])}", *places)
            for x, y in zip(*ends, strict=False):
                _visit(walk, (inner, x), (other, y))
