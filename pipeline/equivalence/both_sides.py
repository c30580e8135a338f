"""File and network on samples, and which tensors of the one are shown to be tensors of the other."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pipeline.equivalence import cut_points, local_comparison
from pipeline.equivalence.conversion_record import Part
from pipeline.equivalence.cut_points import Network, Sampled
from pipeline.runtime import plain
from pipeline.tflite import flatbuffer, operators
from pipeline.tflite.flatbuffer import Graph

# What they make, no value changes.
_OF_SHAPES = operators.OF_SHAPES | {"ZEROS_LIKE"}


@dataclass(frozen=True, kw_only=True)
class BothSides:
    """Both sides on samples, and what was found so far.

    Attributes:
        shapes: of the file's tensors at run time; `network_shapes`: of the network's.
        held: what each tensor of the file held on samples: entries of floats, all of other dtypes and of `given`.
        given: tensors of the file that no value of an input changes, such as the zeros that recurrent layers start from.
        candidates: references by tensor of the file.
        makers: operators by the tensors they make.
        known: references that a tensor of the file was shown to be; `owners`: that tensor by reference.
        parts: compared and the same, or given up.
        failed: compared and not the same, by operator.
    """

    network: Network
    graph: Graph
    content: Any
    shapes: dict[int, tuple[int, ...]]
    network_shapes: dict[str, tuple[int, ...]]
    held: dict[int, np.ndarray]
    given: frozenset[int]
    candidates: dict[int, list[str]]
    makers: dict[int, int]
    known: dict[int, list[str]] = field(default_factory=dict)
    owners: dict[str, int] = field(default_factory=dict)
    parts: list[Part] = field(default_factory=list)
    failed: dict[int, Part] = field(default_factory=dict)


def sample(
    network: Network,
    model: bytes,
    graph: Graph,
    samples: Sequence[Mapping[str, np.ndarray]],
    inputs: Mapping[str, int],
    outputs: Mapping[str, int],
    *,
    generated: bool,
) -> BothSides:
    """Run both on samples; the arguments are those of `conversion_proof.prove`."""
    file: dict[int, list[Sampled]] = {}
    theirs: dict[str, list[Sampled]] = {}
    held: dict[int, np.ndarray] = {}
    perhaps = _given(graph, lambda number: True)

    def read(number: int, values: np.ndarray) -> tuple[Sampled, np.ndarray | None]:
        return cut_points.sampled(values), None if values.dtype.kind == "f" and number not in perhaps else values.copy()

    for given in samples:
        read_off = plain.tensors(model, {inputs[name]: array for name, array in given.items()}, read)
        rows = {number: row for number, (row, _) in read_off.items()}
        if generated and file and not all(np.isfinite(row[1]).all() for row in rows.values() if row[1].dtype.kind == "f"):
            continue  # such as exp of what no sample holds
        held |= {number: values for number, (_, values) in read_off.items() if values is not None}
        for number, row in rows.items():
            # Kernels add tensors of their own behind those of the file.
            if number < len(graph.tensors) and graph.tensors[number].data is None:
                file.setdefault(number, []).append(row)
        # An operator that hands on an input, as far as samples tell, is compared by itself, too.
        ends = {network.inputs[name]: cut_points.sampled(array) for name, array in given.items()}
        for reference, row in (network.sample(given) | ends).items():
            theirs.setdefault(reference, []).append(row)
    for number, entries in file.items():
        if number not in held:
            held[number] = np.concatenate([values for _, values in entries])
    shapes = {network.inputs[name]: array.shape for name, array in samples[0].items()}
    candidates = cut_points.candidates(file, theirs)
    # Of outputs that are next to nothing on every sample, their part is compared all the same.
    for name, number in outputs.items():
        wanted = network.outputs[name]
        if wanted not in candidates.get(number, ()) and _rounding_apart(file.get(number, ()), theirs.get(wanted, ())):
            candidates.setdefault(number, []).append(wanted)
    return BothSides(
        network=network,
        graph=graph,
        content=flatbuffer.editable(model),
        shapes={number: entries[0][0] for number, entries in file.items()},
        network_shapes=shapes | {reference: entries[0][0] for reference, entries in theirs.items()},
        held=held,
        given=_given(graph, lambda number: number in held and not held[number].any()),
        candidates=candidates,
        makers={output: index for index, operator in enumerate(graph.operators) for output in operator.outputs},
    )


def _rounding_apart(rows: Sequence[Sampled], others: Sequence[Sampled]) -> bool:
    """Whether floats are no farther apart than numbers near one that cancel each other may leave."""
    if len(rows) != len(others) or any(
        a.size != b.size or {a.dtype.kind, b.dtype.kind} != {"f"} for (_, a), (_, b) in zip(rows, others, strict=True)
    ):
        return False
    with np.errstate(invalid="ignore", over="ignore"):
        return all(np.all(np.abs(a - b) <= local_comparison.ROUNDED) for (_, a), (_, b) in zip(rows, others, strict=True))


def _given(graph: Graph, is_zero: Callable[[int], bool]) -> frozenset[int]:
    """Tensors that follow from shapes and constants alone, and their products with zeros."""
    constants = {number for number, tensor in enumerate(graph.tensors) if tensor.data is not None}
    found: set[int] = set()
    for operator in graph.operators:
        reads = {number for number in operator.inputs if number >= 0}
        follows = bool(reads) and reads <= found | constants and not operators.of(operator.name).subgraphs
        zero = operator.name == "MUL" and any(number in found and is_zero(number) for number in reads)
        if operator.name in _OF_SHAPES or follows or zero:
            found.update(operator.outputs)
    return frozenset(found)


def learn(state: BothSides, number: int, references: Sequence[str]) -> None:
    """From here on the file's tensor is taken for these of the network."""
    state.known[number] = list(references)
    for reference in references:
        state.owners.setdefault(reference, number)


def cone(state: BothSides, index: int) -> tuple[tuple[int, ...], list[int]]:
    """The operators that make an operator's outputs from tensors known to be the network's, and these tensors."""
    places, reads, todo = {index}, dict[int, None](), [index]
    while todo:
        for number in state.graph.operators[todo.pop()].inputs:
            if number < 0 or state.graph.tensors[number].data is not None:
                continue
            if number in state.known:
                reads[number] = None
            elif number in state.makers and state.makers[number] not in places:
                places.add(state.makers[number])
                todo.append(state.makers[number])
    return tuple(sorted(places)), list(reads)


def beyond(state: BothSides, reference: str, given: set[str]) -> list[str]:
    """What else the network makes a tensor from than given tensors and constants: known ones, as near to it as there are."""
    needs: dict[str, frozenset[str]] = {entry: frozenset() for entry in given}
    todo = [reference]
    while todo:
        at = todo[-1]
        before = [entry for entry in state.network.reads[at] if entry not in needs]
        if at not in needs and before:
            todo += before
            continue
        todo.pop()
        if at not in needs:
            found = frozenset().union(*(needs[entry] for entry in state.network.reads[at]))
            free = not state.network.reads[at] and at in state.network.inputs.values()
            needs[at] = frozenset([at]) if free or (found and at in state.owners and at != reference) else found
    return sorted(needs[reference])


def compute(
    state: BothSides, references: Sequence[str], feeds: Mapping[str, np.ndarray], *, nudged: bool = False
) -> dict[str, np.ndarray]:
    """Tensors of the network, computed from values of the file's; `nudged`: off by a few units in the last place."""
    if nudged:
        feeds = {entry: local_comparison.nudged(array) for entry, array in feeds.items()}
    shaped = {entry: array.reshape(state.network_shapes[entry]) for entry, array in feeds.items()}
    wanted = [reference for reference in references if reference not in shaped]
    found = dict(zip(wanted, state.network.run(wanted, shaped), strict=True)) if wanted else {}
    return {reference: shaped[reference] if reference in shaped else found[reference] for reference in references}


def hands_on(state: BothSides, reference: str, given: str, values: np.ndarray) -> bool:
    """Whether a tensor of the network is another one, `given`, when that holds these values."""
    try:
        made = compute(state, [reference], {given: values})[reference]
    except RuntimeError:  # it refuses them, and so is more than they are
        return False
    return bool(np.array_equal(made.ravel(), values.ravel()))
