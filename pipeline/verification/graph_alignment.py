"""Which operator of one .tflite file is which of another made from the same network: both are walked back from their outputs.

Quantizing and dequantizing operators are looked through, so that a quantized file can be laid beside the float one. Names of
tensors play no part, except those of the signature.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from pipeline.tflite import operators
from pipeline.tflite.flatbuffer import Graph, Operator, Subgraph, Tensor

# (subgraph, operator) and (subgraph, operator, input)
Place = tuple[int, int]
Slot = tuple[int, int, int]

# Options that say nothing about what is computed in real numbers, or that number subgraphs.
_IGNORED = frozenset(
    ("potScaleInt16", "asymmetricQuantizeInputs", "quantizedBiasType", "weightsFormat", "quantSpec", "offset", "newShape",
     "condSubgraphIndex", "bodySubgraphIndex", "thenSubgraphIndex", "elseSubgraphIndex", "subgraph", "initSubgraphIndex")
)  # fmt: skip
_NESTED = (("condSubgraphIndex", "bodySubgraphIndex"), ("thenSubgraphIndex", "elseSubgraphIndex"))


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Something that is not the same in both files. `expected` and `found` are operators; None where there is none."""

    expected: Place | None
    found: Place | None
    reason: str


@dataclass(kw_only=True)
class Alignment:
    """`operators`: place in the found file by place in the expected one; `constants`: the same for constant inputs."""

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
    walk = _Walk(expected, found, result)
    for name in expected.outputs:
        if name in found.outputs:
            walk.tensors((expected.main, expected.outputs[name]), (found.main, found.outputs[name]))
    walk.run()
    found_places = set(result.operators.values())
    removed = {difference.expected for difference in result.differences}
    for place, operator in _places(expected):
        if place not in result.operators and place not in removed:
            result.differences.append(Difference(expected=place, found=None, reason=f"{operator.name} is missing"))
    added = {difference.found for difference in result.differences}
    for place, operator in _places(found):
        if place not in found_places and place not in added and operator.name not in operators.CONVERSIONS:
            result.differences.append(Difference(expected=None, found=place, reason=f"{operator.name} has been added"))
    return result


def _places(graph: Graph) -> Iterator[tuple[Place, Operator]]:
    for number, subgraph in enumerate(graph.subgraphs):
        for index, operator in enumerate(subgraph.operators):
            yield (number, index), operator


class _Walk:
    """The pairs of tensors still to compare."""

    def __init__(self, expected: Graph, found: Graph, result: Alignment) -> None:
        self.sides = (expected, found)
        self.makers = tuple(
            [
                {
                    tensor: (index, place)
                    for index, operator in enumerate(subgraph.operators)
                    for place, tensor in enumerate(operator.outputs)
                }
                for subgraph in graph.subgraphs
            ]
            for graph in self.sides
        )
        self.result = result
        self.todo: list[tuple[tuple[int, int], tuple[int, int]]] = []
        self.seen: set[tuple[tuple[int, int], tuple[int, int]]] = set()
        self.names = tuple({number: name for name, number in graph.inputs.items()} for graph in self.sides)

    def tensors(self, ours: tuple[int, int], theirs: tuple[int, int]) -> None:
        pair = (self._through(0, ours), self._through(1, theirs))
        self.result.tensors.setdefault(ours, theirs)
        if pair not in self.seen:
            self.seen.add(pair)
            self.todo.append(pair)

    def run(self) -> None:
        while self.todo:
            self._compare(*self.todo.pop())

    def _through(self, side: int, at: tuple[int, int]) -> tuple[int, int]:
        """The tensor before quantizing and dequantizing operators."""
        maker = self.makers[side][at[0]].get(at[1])
        while maker is not None:
            operator = self._subgraph(side, at).operators[maker[0]]
            if operator.name not in operators.CONVERSIONS:
                break
            at = (at[0], operator.inputs[0])
            maker = self.makers[side][at[0]].get(at[1])
        return at

    def _subgraph(self, side: int, at: tuple[int, int]) -> Subgraph:
        return self.sides[side].subgraphs[at[0]]

    def _tensor(self, side: int, at: tuple[int, int]) -> Tensor:
        return self._subgraph(side, at).tensors[at[1]]

    def _note(self, reason: str, expected: Place | None = None, found: Place | None = None) -> None:
        self.result.differences.append(Difference(expected=expected, found=found, reason=reason))

    def _compare(self, ours: tuple[int, int], theirs: tuple[int, int]) -> None:
        first, second = self.makers[0][ours[0]].get(ours[1]), self.makers[1][theirs[0]].get(theirs[1])
        if first is None or second is None:
            self._ends(ours, theirs, first, second)
            return
        (mine, output), (yours, other) = first, second
        places = (ours[0], mine), (theirs[0], yours)
        operators = self._subgraph(0, ours).operators[mine], self._subgraph(1, theirs).operators[yours]
        if operators[0].name != operators[1].name:
            self._mismatch(ours, theirs, places, operators)
            return
        if output != other:
            self._note(f"output {other} of {operators[1].name} is read where output {output} was", places[0], places[1])
        if places[0] in self.result.operators:
            if self.result.operators[places[0]] != places[1]:
                self._note(f"{operators[0].name} is carried by two operators", places[0], places[1])
            return
        self.result.operators[places[0]] = places[1]
        self._options(places, operators)
        self._inputs(places, operators)
        for mine_output, yours_output in zip(operators[0].outputs, operators[1].outputs, strict=False):
            self.result.tensors[ours[0], mine_output] = (theirs[0], yours_output)

    def _ends(self, ours: tuple[int, int], theirs: tuple[int, int], mine: Place | None, yours: Place | None) -> None:
        """At least one tensor is made by no operator: an input of the graph, or a constant."""
        names = tuple(self._name(side, at) for side, at in enumerate((ours, theirs)))
        if mine is None and yours is None:
            if names[0] != names[1]:
                self._note(f"{names[1]} is read where {names[0]} was")
            return
        place = None if mine is None else (ours[0], mine[0])
        other = None if yours is None else (theirs[0], yours[0])
        if place is not None:
            operator = self._subgraph(0, ours).operators[place[1]]
            self._note(f"{operator.name} is missing: {names[1]} is read instead", place, None)
            data = self._data(0, ours, operator)
            if data is not None:
                self.tensors((ours[0], data), theirs)
        elif other is not None:
            operator = self._subgraph(1, theirs).operators[other[1]]
            self._note(f"{operator.name} stands between {names[0]} and what reads it", None, other)
            data = self._data(1, theirs, operator)
            if data is not None:
                self.tensors(ours, (theirs[0], data))

    def _name(self, side: int, at: tuple[int, int]) -> str:
        if at[0] == self.sides[side].main and at[1] in self.names[side]:
            return f"input {self.names[side][at[1]]}"
        subgraph = self._subgraph(side, at)
        if at[1] in subgraph.inputs:
            return f"argument {subgraph.inputs.index(at[1])} of a nested graph"
        return "a constant" if self._tensor(side, at).data is not None else "nothing"

    def _data(self, side: int, at: tuple[int, int], operator: Operator) -> int | None:
        tensors = self._subgraph(side, at).tensors
        return next((number for number in operator.inputs if number >= 0 and tensors[number].data is None), None)

    def _mismatch(
        self, ours: tuple[int, int], theirs: tuple[int, int], places: tuple[Place, Place], operators: tuple[Operator, Operator]
    ) -> None:
        """Two operators of different kinds: one missing, one added, or one in the other's place."""
        before = self._data(0, ours, operators[0]), self._data(1, theirs, operators[1])
        behind = tuple(
            None if number is None else self._maker_name(side, (at[0], number))
            for side, (at, number) in enumerate(zip((ours, theirs), before, strict=True))
        )
        if before[0] is not None and behind[0] == operators[1].name and behind[1] != operators[0].name:
            self._note(f"{operators[0].name} is missing", places[0], None)
            self.tensors((ours[0], before[0]), theirs)
        elif before[1] is not None and behind[1] == operators[0].name and behind[0] != operators[1].name:
            self._note(f"{operators[1].name} has been added", None, places[1])
            self.tensors(ours, (theirs[0], before[1]))
        else:
            self._note(f"{operators[1].name} stands in place of {operators[0].name}", places[0], places[1])
            self.result.operators[places[0]] = places[1]
            for mine, yours in zip(operators[0].inputs, operators[1].inputs, strict=False):
                if mine >= 0 and yours >= 0 and self._tensor(0, (ours[0], mine)).data is None:
                    self.tensors((ours[0], mine), (theirs[0], yours))

    def _maker_name(self, side: int, at: tuple[int, int]) -> str | None:
        at = self._through(side, at)
        maker = self.makers[side][at[0]].get(at[1])
        return None if maker is None else self._subgraph(side, at).operators[maker[0]].name

    def _options(self, places: tuple[Place, Place], operators: tuple[Operator, Operator]) -> None:
        ours, theirs = operators[0].options, operators[1].options
        for key in sorted((set(ours) | set(theirs)) - _IGNORED):
            if ours.get(key) != theirs.get(key):
                self._note(f"{operators[0].name} has {key} {theirs.get(key)}; expected {ours.get(key)}", *places)

    def _inputs(self, places: tuple[Place, Place], operators: tuple[Operator, Operator]) -> None:
        mine, yours = operators[0].inputs, operators[1].inputs
        for place in range(max(len(mine), len(yours))):
            a = mine[place] if place < len(mine) else -1
            b = yours[place] if place < len(yours) else -1
            if a < 0 and b < 0:
                continue
            if a < 0 or b < 0:
                # A bias left out is a bias of zeros; the accounting of weights judges it.
                if b >= 0:
                    continue
                self._note(f"{operators[0].name} lost its input {place}", *places)
                continue
            one, other = self._through(0, (places[0][0], a)), self._through(1, (places[1][0], b))
            if self._tensor(0, one).data is not None and self._tensor(1, other).data is not None:
                self.result.constants[(*places[0], place)] = other
            else:
                self.tensors((places[0][0], a), (places[1][0], b))
        for names in _NESTED:
            for key in names:
                if isinstance(operators[0].options.get(key), int) and isinstance(operators[1].options.get(key), int):
                    inner = operators[0].options[key], operators[1].options[key]
                    ends = self.sides[0].subgraphs[inner[0]].outputs, self.sides[1].subgraphs[inner[1]].outputs
                    for x, y in zip(*ends, strict=False):
                        self.tensors((inner[0], x), (inner[1], y))
