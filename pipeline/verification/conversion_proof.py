"""Is a float file the network, operator by operator? Shown by running each operator alone beside its part of the network.

Where tensors of file and network agree on samples both graphs can be cut (`cut_points`). Between the cuts a few operators of the
file face a few operations of the network. Both get the same values, those the tensors hold on samples and others that they do not
(`stress_inputs`), and must make the same. From the inputs on each tensor of the file so becomes one of the network's, for all
values and not only for those of the samples, until the outputs are reached. It needs no table of what a converter does: folded
batch normalisation, a fused activation or an expanded GELU is what lies between two cuts.
"""

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from pipeline.runtime import plain
from pipeline.tflite import extraction, flatbuffer, operators
from pipeline.tflite.flatbuffer import Graph
from pipeline.verification import cut_points, kernel_comparison, local_comparison, stress_inputs
from pipeline.verification.conversion_record import DIFFERS, SAME, UNKNOWN, Conversion, Part
from pipeline.verification.cut_points import Network, Sampled

# Operators behind a tensor that only seemed to be one of the network's are compared together with those that follow: so many at the
# most. Then the tensor is taken for what it seemed to be, so that what lies behind a fault is judged by itself.
_LONGEST = 12
# So many times beyond what tensors hold, to tell apart what is the same up to a bound.
_FAR, _FAR_DRAWS = 1e4, 8
# Operators that read integers as positions.
_INDEXED = frozenset(("GATHER", "GATHER_ND"))


@dataclass(frozen=True, kw_only=True)
class _State:
    """Both sides on samples, and what was found so far.

    Attributes:
        shapes: of the file's tensors at run time; `network_shapes`: of the network's.
        held: what each tensor of the file held on samples: entries of floats, all of other dtypes.
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
    candidates: dict[int, list[str]]
    makers: dict[int, int]
    known: dict[int, list[str]] = field(default_factory=dict)
    owners: dict[str, int] = field(default_factory=dict)
    parts: list[Part] = field(default_factory=list)
    failed: dict[int, Part] = field(default_factory=dict)


def compare(
    network: Network,
    model: bytes,
    samples: Sequence[Mapping[str, np.ndarray]],
    *,
    generated: bool,
    inputs: Mapping[str, int],
    outputs: Mapping[str, int],
) -> Conversion:
    """Compare a float file with the network, part by part, and LiteRT's kernels with each other.

    Args:
        network, samples, inputs, outputs: as in `prove`.
        model: the file.
        generated: the samples are no real ones.
    """
    graph = flatbuffer.read(model)
    found = partial(Conversion, samples=len(samples), generated=generated)
    if graph.main != 0:
        return found(parts=[], kernels={}, not_compared="the signature runs another subgraph than the first")
    try:
        parts = prove(network, model, graph, samples, generated=generated, inputs=inputs, outputs=outputs)
        # Generated ones behind the first may lie beyond what kernels can compute.
        given = [{inputs[name]: array for name, array in sample.items()} for sample in (samples[:1] if generated else samples)]
        kernels = kernel_comparison.compare(model, given, outputs)
    except plain.Refused as error:
        return found(parts=[], kernels={}, not_compared=f"LiteRT cannot run it: {str(error).splitlines()[0]}")
    return found(parts=parts, kernels=kernels)


def prove(
    network: Network,
    model: bytes,
    graph: Graph,
    samples: Sequence[Mapping[str, np.ndarray]],
    *,
    generated: bool = False,
    inputs: Mapping[str, int],
    outputs: Mapping[str, int],
) -> list[Part]:
    """Compare each operator of a float file with the network.

    Args:
        network: the original network.
        model, graph: the file; what is to be compared is its subgraph 0.
        samples: inputs by the network's names, with the batch dimension.
        generated: they are no real ones: those behind the first are left out where the file makes what is not finite of them.
        inputs, outputs: tensor numbers of the file by the network's names.

    Returns:
        Parts that cover every operator; one without operators for what is an input in the network as well, such as after pooling
        windows of one, and one for each output that was not shown to be the network's.

    Raises:
        plain.Refused: when LiteRT cannot run the file.
    """
    state = _sampled(network, model, graph, samples, inputs, generated=generated)
    for name, number in inputs.items():
        given = network.inputs[name]
        shaped = _shaped(state, number, given)
        _learn(state, number, [given, *shaped])
        if shaped:
            state.parts.append(Part(operators=[], verdict=SAME, reads=[given], makes=shaped))
    for index, operator in enumerate(graph.operators):
        made = [number for number in operator.outputs if state.candidates.get(number)]
        if made:
            _compare(state, index, made)
    return [*state.parts, *_ends(state, outputs), *_rest(state)]


def _learn(state: _State, number: int, references: Sequence[str]) -> None:
    state.known[number] = list(references)
    for reference in references:
        state.owners.setdefault(reference, number)


def _sampled(
    network: Network,
    model: bytes,
    graph: Graph,
    samples: Sequence[Mapping[str, np.ndarray]],
    inputs: Mapping[str, int],
    *,
    generated: bool,
) -> _State:
    file: dict[int, list[Sampled]] = {}
    theirs: dict[str, list[Sampled]] = {}
    held: dict[int, np.ndarray] = {}

    def read(number: int, values: np.ndarray) -> tuple[Sampled, np.ndarray | None]:
        return cut_points.sampled(values), None if values.dtype.kind == "f" else values.copy()

    for sample in samples:
        read_off = plain.tensors(model, {inputs[name]: array for name, array in sample.items()}, read)
        rows = {number: row for number, (row, _) in read_off.items()}
        if generated and file and not all(np.isfinite(row[1]).all() for row in rows.values() if row[1].dtype.kind == "f"):
            continue  # such as exp of what no sample holds
        held |= {number: values for number, (_, values) in read_off.items() if values is not None}
        for number, row in rows.items():
            # Kernels add tensors of their own behind those of the file.
            if number < len(graph.tensors) and graph.tensors[number].data is None:
                file.setdefault(number, []).append(row)
        for reference, row in network.sample(sample).items():
            theirs.setdefault(reference, []).append(row)
    for number, sampled in file.items():
        if number not in held:
            held[number] = np.concatenate([values for _, values in sampled])
    given = {network.inputs[name]: array.shape for name, array in samples[0].items()}
    return _State(
        network=network,
        graph=graph,
        content=extraction.parse(model),
        shapes={number: sampled[0][0] for number, sampled in file.items()},
        network_shapes=given | {reference: sampled[0][0] for reference, sampled in theirs.items()},
        held=held,
        candidates=cut_points.candidates(file, theirs),
        makers={output: index for index, operator in enumerate(graph.operators) for output in operator.outputs},
    )


def _shaped(state: _State, number: int, given: str) -> list[str]:
    """The network's tensors that are an input in another shape."""
    like = [reference for reference in state.candidates.get(number, ()) if not _more(state, reference, {given})]
    for values, _ in stress_inputs.draws({number: state.held[number]}, state.shapes, seed=number, meeting=False, numbers={number}):
        like = [entry for entry in like if _hands_on(state, entry, given, values[number])]
    return like


def _hands_on(state: _State, reference: str, given: str, values: np.ndarray) -> bool:
    try:
        made = _network(state, [reference], {given: values})[reference]
    except RuntimeError:  # it refuses them, and so is more than they are
        return False
    return bool(np.array_equal(made.ravel(), values.ravel()))


def _compare(state: _State, index: int, made: Sequence[int]) -> None:
    """The operator `index` with those before it up to the next cuts, beside the network."""
    places, reads = _cone(state, index)
    fed = {number: state.known[number] for number in reads}
    given = {reference for references in fed.values() for reference in references}
    more = {reference: _more(state, reference, given) for number in made for reference in state.candidates[number]}
    excess = _excess(state, places, fed, {number: state.candidates[number] for number in made}, more)
    if excess is None:
        return
    same = {number: [reference for reference in state.candidates[number] if excess[number, reference] <= 1] for number in made}
    worst = max(min(excess[number, reference] for reference in state.candidates[number]) for number in made)
    several = any(_conditional(state, number, references) for number, references in same.items())
    between = any(set(state.candidates.get(number, ())) - set(state.known[number]) for number in reads)
    if several or between:
        # Such as before and behind a clip that no value has reached, or with one between: values that do reach it tell.
        wrong: set[tuple[int, str]] = set()
        # Behind several operators large values often end alike, such as in a softmax.
        for draw in range(1 if len(places) == 1 else _FAR_DRAWS):
            far = _excess(state, places, fed, same, more, scale=_FAR, draw=draw) or {}
            # Several operators may overflow where the network's one does not: that says nothing.
            wrong |= {key for key, value in far.items() if value > 1 and (len(places) == 1 or np.isfinite(value))}
        left = {number: [entry for entry in found if (number, entry) not in wrong] for number, found in same.items()}
        same = {number: found if between else found or same[number] for number, found in left.items()}
    for number in made:
        if same[number]:
            _learn(state, number, same[number])
    part = partial(Part, operators=list(places), reads=sorted(given), excess=worst if np.isfinite(worst) else None)
    if all(same.values()):
        for place in places:
            state.failed.pop(place, None)
        makes = sorted({reference for found in same.values() for reference in found})
        state.parts.append(part(verdict=SAME, makes=makes, visible=_visible(state, places, fed, makes)))
        return
    wanted = sorted({reference for number in made if not same[number] for reference in state.candidates[number]})
    state.failed[index] = part(verdict=DIFFERS, makes=wanted, reason="makes something else of the same values than the network")
    if len(places) >= _LONGEST:
        first = min(place for place in places if place in state.failed)
        state.parts.append(state.failed[first])
        for place in places:
            state.failed.pop(place, None)
        for number in made:
            if not same[number]:
                _learn(state, number, state.candidates[number])


def _conditional(state: _State, number: int, references: Sequence[str]) -> bool:
    """Whether tensors of the network are the same only for some values, one of them being made from another."""
    values: np.ndarray | None = None
    for one, other in itertools.permutations(references, 2):
        if state.held[number].dtype.kind != "f" or _more(state, other, {one}):
            continue
        if values is None:
            draws = stress_inputs.draws({number: state.held[number]}, state.shapes, seed=number, meeting=False)
            values = next(draw.values[number] for draw in draws if draw.apart)
        if not _hands_on(state, other, one, values):
            return True
    return False


def _visible(state: _State, places: tuple[int, ...], fed: Mapping[int, Sequence[str]], makes: Sequence[str]) -> bool:
    """Whether each constant moved what was compared: an activation, or another operator, may hide some of what stands before it."""
    operator, row = state.graph.operators[places[0]], operators.of(state.graph.operators[places[0]].name)
    # Of positions in a table, only those of the samples were seen.
    drawn = {number for number in fed if state.held[number].dtype.kind in "fb"} | _numbers(state, places, fed) == set(fed)
    if len(places) > 1 or not drawn or row.recurrent or row.subgraphs:
        return False
    if operator.options.get("fusedActivationFunction", "NONE") == "NONE":
        return True
    # Beside the tensor that the network's own activation reads.
    given = {reference for references in fed.values() for reference in references}
    before = {entry for reference in makes for entry in state.network.reads[reference][:1] if not _more(state, entry, given)}
    excess = _excess(state, places, fed, {operator.outputs[0]: sorted(before - given)}, dict.fromkeys(before, ()), activated=False)
    return excess is not None and any(value <= 1 for value in excess.values())


def _cone(state: _State, index: int) -> tuple[tuple[int, ...], list[int]]:
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


def _more(state: _State, reference: str, given: set[str]) -> list[str]:
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


def _excess(
    state: _State,
    places: tuple[int, ...],
    fed: Mapping[int, Sequence[str]],
    choices: Mapping[int, Sequence[str]],
    more: Mapping[str, Sequence[str]],
    *,
    activated: bool = True,
    scale: float = 1.0,
    draw: int = 0,
) -> dict[tuple[int, str], float] | None:
    """How far each tensor is from each of the network's that it may be (`local_comparison.excess`); None when no draw could be run.

    What the network reads beyond the file's operators, `more` by reference, gets values of its own: where it makes a difference the
    file lacks something, and where it does not, such as behind a multiplication by zero, a converter may leave it out.
    Activations that are fused into the operators are left out unless `activated`. Numbers are drawn `scale` times as large.
    """
    run = plain.opened(
        extraction.extract(
            state.content,
            places=places,
            inputs=list(fed),
            outputs=list(choices),
            shapes={number: state.shapes[number] for number in fed},
            activated=activated,
        )
    )
    excess = {(number, reference): 0.0 for number, found in choices.items() for reference in found}
    first, others = _first(fed), sorted({entry for entries in more.values() for entry in entries})
    owners = {state.owners[entry] for entry in others}
    held = {number: state.held[number] for number in {*first.values(), *owners}}
    compared = False
    meeting = not {state.graph.operators[place].name for place in places} <= operators.ENTRYWISE
    # A tensor that is also what is made of it, as on no sample anything else was chosen, cannot be both when something is.
    choosing = {reference for references in fed.values() for reference in references}.isdisjoint(more)
    numbers = _numbers(state, places, fed) if choosing else set()
    draws = stress_inputs.draws(
        held, state.shapes, seed=places[0] + draw * len(state.graph.operators), meeting=meeting, numbers=numbers, choosing=choosing
    )
    for drawn, apart in draws:
        nonzero = any(np.any(array) for array in drawn.values())
        if not activated and not nonzero:
            continue  # the activation is all that is new
        if scale != 1.0:
            drawn = {
                number: array * array.dtype.type(scale) if array.dtype.kind == "f" else array for number, array in drawn.items()
            }
        values = {number: drawn[first[number]].reshape(state.shapes[number]) for number in fed}
        feeds = {reference: values[number] for number, references in fed.items() for reference in references}
        beyond = {entry: drawn[state.owners[entry]] for entry in others}
        # What reads nothing more is computed in one go.
        groups: dict[tuple[str, ...], list[str]] = {}
        for reference in dict.fromkeys(reference for _, reference in excess):
            groups.setdefault(tuple(more[reference]), []).append(reference)
        asks = [
            partial(_network, state, references, feeds | {entry: beyond[entry] for entry in extra})
            for extra, references in groups.items()
        ]
        try:
            found = dict(zip(choices, run(list(values.values())), strict=True))
            wanted = {reference: (array, ask) for ask in asks for reference, array in ask().items()}
        except RuntimeError:  # values that the operation refuses, such as a division of integers by zero
            continue
        compared, finite = True, True
        for number, reference in excess:
            expected, ask = wanted[reference]
            finite &= bool(np.isfinite(expected).all())
            off = local_comparison.excess(found[number], expected, apart=apart, nudged=partial(_nudged, ask, reference))
            excess[number, reference] = max(off, excess[number, reference])
        # Zeros are special to many operations: only the draws behind them show that all is within what is defined.
        if not fed or (finite and not apart and nonzero):
            break
    return excess if compared else None


def _numbers(state: _State, places: tuple[int, ...], fed: Mapping[int, Sequence[str]]) -> set[int]:
    """Tensors of integers that operators compute with: no positions, no lengths."""
    found = [state.graph.operators[place] for place in places]
    if not {operator.name for operator in found} <= operators.ENTRYWISE - _INDEXED:
        return set()
    structure = {
        operator.inputs[at] for operator in found for at in operators.of(operator.name).structure if at < len(operator.inputs)
    }
    return {number for number in fed if state.held[number].dtype.kind in "iu"} - structure


def _first(fed: Mapping[int, Sequence[str]]) -> dict[int, int]:
    """For each tensor the first that is the same one of the network, perhaps in another shape: both always hold the same values."""
    owner: dict[str, int] = {}
    found: dict[int, int] = {}
    for number, references in fed.items():
        found[number] = next((owner[reference] for reference in references if reference in owner), number)
        owner.update({reference: found[number] for reference in references if reference not in owner})
    return found


def _network(
    state: _State, references: Sequence[str], feeds: Mapping[str, np.ndarray], *, nudged: bool = False
) -> dict[str, np.ndarray]:
    """Tensors of the network, computed from values of the file's; `nudged`: off by a few units in the last place."""
    if nudged:
        feeds = {entry: local_comparison.nudged(array) for entry, array in feeds.items()}
    shaped = {entry: array.reshape(state.network_shapes[entry]) for entry, array in feeds.items()}
    wanted = [reference for reference in references if reference not in shaped]
    found = dict(zip(wanted, state.network.run(wanted, shaped), strict=True)) if wanted else {}
    return {reference: shaped[reference] if reference in shaped else found[reference] for reference in references}


def _nudged(ask: Callable[..., dict[str, np.ndarray]], reference: str) -> np.ndarray:
    return ask(nudged=True)[reference]


def _ends(state: _State, outputs: Mapping[str, int]) -> list[Part]:
    """Outputs that were not shown to be the network's, and the first operators that make something else."""
    wanted = {name: state.network.outputs[name] for name in outputs}
    lost = [name for name, number in outputs.items() if wanted[name] not in state.known.get(number, ())]
    shaped = [
        Part(
            operators=[state.makers[number]],
            verdict=DIFFERS,
            makes=[wanted[name]],
            reason=f"makes {list(state.shapes[number])}, the network {list(state.network_shapes[wanted[name]])}",
        )
        for name, number in outputs.items()
        if name not in lost and number in state.makers and state.shapes[number] != state.network_shapes[wanted[name]]
    ]
    if not lost:
        return shaped
    agree = all(wanted[name] in state.candidates.get(outputs[name], ()) for name in lost)
    parts = [state.failed[min(state.failed)]] if state.failed else []
    if not parts and not agree and not any(part.verdict == DIFFERS for part in state.parts):
        done = {index for part in state.parts for index in part.operators}
        for index, operator in enumerate(state.graph.operators):
            reads = [number for number in operator.inputs if number >= 0 and state.graph.tensors[number].data is None]
            if index not in done and all(number in state.known for number in reads):
                reason = "reads what it should, and makes what is nowhere in the network"
                parts.append(Part(operators=[index], verdict=DIFFERS, reason=reason))
                break
    verdict = DIFFERS if parts or not agree else UNKNOWN
    return [*parts, *shaped, *(Part(operators=[], verdict=verdict, makes=[wanted[name]], reason=f"output {name}") for name in lost)]


def _rest(state: _State) -> list[Part]:
    """Operators that no part covers."""
    covered = {index for part in state.parts for index in part.operators}
    return [
        Part(operators=[index], verdict=UNKNOWN, reason="what it makes was not found in the network")
        for index in range(len(state.graph.operators))
        if index not in covered
    ]
