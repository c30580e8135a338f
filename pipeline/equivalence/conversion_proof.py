"""Is a float file the network, operator by operator? Shown by running each operator alone beside its part of the network.

Where tensors of file and network agree on samples both graphs can be cut (`cut_points`). Between the cuts a few operators of the
file face a few operations of the network. Both get the same values, those the tensors hold on samples and others that they do not
(`stress_inputs`), and must make the same. From the inputs on each tensor of the file so becomes one of the network's, for all
values and not only for those of the samples, until the outputs are reached. It needs no table of what a converter does: folded
batch normalisation, a fused activation or an expanded GELU is what lies between two cuts.
"""

import itertools
from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np

from pipeline.equivalence import both_sides, kernel_comparison, part_comparison, stress_inputs, whole_comparison
from pipeline.equivalence.both_sides import BothSides
from pipeline.equivalence.conversion_record import DIFFERS, SAME, UNKNOWN, Conversion, Part
from pipeline.equivalence.cut_points import Network
from pipeline.runtime import plain
from pipeline.tflite import flatbuffer
from pipeline.tflite.flatbuffer import Graph

# Operators behind a tensor that only seemed to be one of the network's are compared together with those that follow: so many at the
# most. Then the tensor is taken for what it seemed to be, so that what lies behind a fault is judged by itself.
_LONGEST = 12
# So many times beyond what tensors hold, to tell apart what is the same up to a bound.
_FAR, _FAR_DRAWS = 1e4, 8


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
    if not inputs or any(0 not in graph.tensors[number].free for number in inputs.values()):
        return found(parts=parts, kernels=kernels)
    together, alone = _together(network, model, samples[0], inputs=inputs, outputs=outputs)
    return found(parts=parts, kernels=kernels, together=together, alone=alone)


def _together(
    network: Network,
    model: bytes,
    sample: Mapping[str, np.ndarray],
    *,
    inputs: Mapping[str, int],
    outputs: Mapping[str, int],
) -> tuple[dict[str, float | None], str]:
    """Several samples at once, and why that cannot be run."""
    # Two that differ, and of which the second is as near to real ones as the first.
    both = [sample, {name: np.flip(array, axis=tuple(range(1, array.ndim))) for name, array in sample.items()}]
    try:
        return whole_comparison.compare(network, model, both, inputs=inputs, outputs=outputs), ""
    except plain.Refused as error:
        return {}, str(error).splitlines()[0]


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
    state = both_sides.sample(network, model, graph, samples, inputs, outputs, generated=generated)
    for name, number in inputs.items():
        given = network.inputs[name]
        shaped = _shaped(state, number, given)
        both_sides.learn(state, number, [given, *shaped])
        if shaped:
            state.parts.append(Part(operators=[], verdict=SAME, reads=[given], makes=shaped))
    for index, operator in enumerate(graph.operators):
        made = [number for number in operator.outputs if state.candidates.get(number)]
        if made:
            _compare(state, index, made)
    return [*state.parts, *_ends(state, outputs), *_rest(state)]


def _shaped(state: BothSides, number: int, given: str) -> list[str]:
    """The network's tensors that are an input in another shape."""
    like = [reference for reference in state.candidates.get(number, ()) if not both_sides.beyond(state, reference, {given})]
    for values, _ in stress_inputs.draws({number: state.held[number]}, state.shapes, seed=number, meeting=False, numbers={number}):
        like = [entry for entry in like if both_sides.hands_on(state, entry, given, values[number])]
    return like


def _compare(state: BothSides, index: int, made: Sequence[int]) -> None:
    """The operator `index` with those before it up to the next cuts, beside the network."""
    places, reads = both_sides.cone(state, index)
    fed = {number: list(state.known[number]) for number in reads}
    found = _same(state, places, fed, made)
    if found is None:
        return
    if not all(found[0].values()):
        # A branch that adds nothing, whatever its data: what stands before is also what is made of it, and given as such it would
        # hide the branch from the network.
        made_too = {reference for number in made for reference in state.candidates[number]}
        apart = {
            number: known if made_too.isdisjoint(known) else [entry for entry in known if not _behind(state, entry, known)]
            for number, known in fed.items()
        }
        again = _same(state, places, apart, made) if apart != fed else None
        if again is not None and all(again[0].values()):
            fed, found = apart, again
    same, worst = found
    given = {reference for references in fed.values() for reference in references}
    for number in made:
        if same[number]:
            both_sides.learn(state, number, same[number])
    part = partial(Part, operators=list(places), reads=sorted(given), excess=worst if np.isfinite(worst) else None)
    if all(same.values()):
        for place in places:
            state.failed.pop(place, None)
        makes = sorted({reference for found in same.values() for reference in found})
        state.parts.append(part(verdict=SAME, makes=makes, visible=part_comparison.visible(state, places, fed, makes)))
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
                both_sides.learn(state, number, state.candidates[number])


def _same(
    state: BothSides, places: tuple[int, ...], fed: Mapping[int, list[str]], made: Sequence[int]
) -> tuple[dict[int, list[str]], float] | None:
    """Which of the network's tensors each of the file's is, and how far the worst is off; None when it could not be run.

    Args:
        state: of both sides.
        places: operators; `fed`: what they read, and as which of the network's tensors; `made`: what they make.
    """
    given = {reference for references in fed.values() for reference in references}
    more = {reference: both_sides.beyond(state, reference, given) for number in made for reference in state.candidates[number]}
    excess = part_comparison.excess(state, places, fed, {number: state.candidates[number] for number in made}, more)
    if excess is None:
        return None
    same = {number: [reference for reference in state.candidates[number] if excess[number, reference] <= 1] for number in made}
    worst = max(min(excess[number, reference] for reference in state.candidates[number]) for number in made)
    several = any(_conditional(state, number, references) for number, references in same.items())
    between = any(set(state.candidates.get(number, ())) - set(state.known[number]) for number in fed)
    # One that seems to hand on what it reads may be a clip: before and behind it large values alone differ.
    clips = (state.failed[place] for place in places if place in state.failed)
    doubted = any(given.intersection(found) for found in same.values()) or any(set(part.makes) <= set(part.reads) for part in clips)
    if several or between or doubted:
        # Such as before and behind a clip that no value has reached, or with one between: values that do reach it tell.
        wrong: set[tuple[int, str]] = set()
        # Behind several operators large values often end alike, such as in a softmax.
        for draw in range(1 if len(places) == 1 else _FAR_DRAWS):
            far = part_comparison.excess(state, places, fed, same, more, scale=_FAR, draw=draw) or {}
            # Several operators may overflow where the network's one does not: that says nothing.
            wrong |= {key for key, value in far.items() if value > 1 and (len(places) == 1 or np.isfinite(value))}
        left = {number: [entry for entry in found if (number, entry) not in wrong] for number, found in same.items()}
        same = {number: found if between or doubted else found or same[number] for number, found in left.items()}
    return same, worst


def _behind(state: BothSides, reference: str, others: Sequence[str]) -> bool:
    """Whether the network makes a tensor from one of the others."""
    todo, seen = [reference], {reference}
    while todo:
        before = set(state.network.reads.get(todo.pop(), ())) - seen
        if not before.isdisjoint(others):
            return True
        seen |= before
        todo += before
    return False


def _conditional(state: BothSides, number: int, references: Sequence[str]) -> bool:
    """Whether tensors of the network are the same only for some values, one of them being made from another."""
    values: np.ndarray | None = None
    for one, other in itertools.permutations(references, 2):
        if state.held[number].dtype.kind != "f" or both_sides.beyond(state, other, {one}):
            continue
        if values is None:
            draws = stress_inputs.draws({number: state.held[number]}, state.shapes, seed=number, meeting=False)
            values = next(draw.values[number] for draw in draws if draw.apart)
        if not both_sides.hands_on(state, other, one, values):
            return True
    return False


def _ends(state: BothSides, outputs: Mapping[str, int]) -> list[Part]:
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


def _rest(state: BothSides) -> list[Part]:
    """Operators that no part covers."""
    covered = {index for part in state.parts for index in part.operators}
    return [
        Part(operators=[index], verdict=UNKNOWN, reason="what it makes was not found in the network")
        for index in range(len(state.graph.operators))
        if index not in covered
    ]
