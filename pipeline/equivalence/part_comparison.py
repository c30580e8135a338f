"""Some operators of the file beside a part of the network: do they make the same of the same values?"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial

import numpy as np

from pipeline.equivalence import both_sides, local_comparison, stress_inputs
from pipeline.equivalence.both_sides import BothSides
from pipeline.runtime import plain
from pipeline.tflite import extraction, flatbuffer, operators

_LARGEST = float(np.finfo(np.float32).max)


def excess(
    state: BothSides,
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
    part = extraction.extract(
        state.content,
        places=places,
        inputs=list(fed),
        outputs=list(choices),
        shapes={number: state.shapes[number] for number in fed},
        activated=activated,
    )
    run = plain.opened(part)
    # One operator has nothing between.
    rounded = _rounded(part) if len(places) > 1 else None
    worst = {(number, reference): 0.0 for number, found in choices.items() for reference in found}
    first, others = _first(fed), sorted({entry for entries in more.values() for entry in entries})
    owners = {state.owners[entry] for entry in others}
    held = {number: state.held[number] for number in {*first.values(), *owners}}
    compared = False
    meeting = not {state.graph.operators[place].name for place in places} <= operators.ENTRYWISE
    # A tensor that is also what is made of it, as on no sample anything else was chosen, cannot be both when something is.
    choosing = {reference for references in fed.values() for reference in references}.isdisjoint(more)
    numbers = _numbers(state, places, fed) if choosing else set()
    # What reads nothing more is computed in one go.
    groups: dict[tuple[str, ...], list[str]] = {}
    for reference in dict.fromkeys(reference for _, reference in worst):
        groups.setdefault(tuple(more[reference]), []).append(reference)
    draws = stress_inputs.draws(
        held,
        state.shapes,
        seed=places[0] + draw * len(state.graph.operators),
        meeting=meeting,
        numbers=numbers,
        choosing=choosing,
        given=state.given,
    )
    for drawn, apart in draws:
        nonzero = any(np.any(array) for array in drawn.values())
        if not activated and not nonzero:
            continue  # the activation is all that is new
        if scale != 1.0:
            drawn = {
                number: array * array.dtype.type(scale) if array.dtype.kind == "f" and number not in state.given else array
                for number, array in drawn.items()
            }
        values = {number: drawn[first[number]].reshape(state.shapes[number]) for number in fed}
        arrays = list(values.values())
        feeds = {reference: values[number] for number, references in fed.items() for reference in references}
        beyond = {entry: drawn[state.owners[entry]] for entry in others}
        asks = [
            partial(both_sides.compute, state, references, feeds | {entry: beyond[entry] for entry in extra})
            for extra, references in groups.items()
        ]
        try:
            found = dict(zip(choices, run(arrays), strict=True))
            wanted = {reference: (array, ask) for ask in asks for reference, array in ask().items()}
        except RuntimeError:  # values that the operation refuses, such as a division of integers by zero
            continue
        compared, finite = True, True
        for at, number in enumerate(choices):
            otherwise = None if rounded is None else partial(_output, rounded, arrays, at)
            for reference in choices[number]:
                expected, ask = wanted[reference]
                finite &= bool(np.isfinite(expected).all())
                compare = partial(
                    local_comparison.excess,
                    found[number],
                    apart=apart,
                    nudged=partial(_nudged, ask, reference),
                    rounded=otherwise,
                )
                off = compare(expected)
                # With values like those on samples an overflow is the file's fault.
                if off > 1 and (apart or scale != 1.0) and len(places) > 1 and expected.dtype.kind == "f":
                    off = compare(np.where(_overflown(part, arrays, expected), np.nan, expected))
                worst[number, reference] = max(off, worst[number, reference])
        # Zeros are special to many operations: only the draws behind them show that all is within what is defined.
        if not fed or (finite and not apart and nonzero):
            break
    return worst if compared else None


def visible(state: BothSides, places: tuple[int, ...], fed: Mapping[int, Sequence[str]], makes: Sequence[str]) -> bool:
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
    before = {
        entry for reference in makes for entry in state.network.reads[reference][:1] if not both_sides.beyond(state, entry, given)
    }
    found = excess(state, places, fed, {operator.outputs[0]: sorted(before - given)}, dict.fromkeys(before, ()), activated=False)
    return found is not None and any(value <= 1 for value in found.values())


def _numbers(state: BothSides, places: tuple[int, ...], fed: Mapping[int, Sequence[str]]) -> set[int]:
    """Tensors of integers that operators compute with: no positions, no lengths."""
    found = [state.graph.operators[place] for place in places]
    if not {operator.name for operator in found} <= operators.ENTRYWISE - operators.LOOKS_UP:
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


def _nudged(ask: Callable[..., dict[str, np.ndarray]], reference: str) -> np.ndarray:
    return ask(nudged=True)[reference]


def _rounded(part: bytes) -> Callable[[Sequence[np.ndarray]], list[np.ndarray] | None]:
    """A function that runs a file with its operators' results rounded otherwise; None where LiteRT refuses that. The file is opened
    when it is called for the first time."""
    opened = cache(lambda: plain.opened(local_comparison.between(part)))

    def run(arrays: Sequence[np.ndarray]) -> list[np.ndarray] | None:
        try:
            return opened()(arrays)
        except plain.Refused:
            return None

    return run


def _output(
    run: Callable[[Sequence[np.ndarray]], list[np.ndarray] | None], arrays: Sequence[np.ndarray], at: int
) -> np.ndarray | None:
    found = run(arrays)
    return None if found is None else found[at]


def _overflown(part: bytes, arrays: Sequence[np.ndarray], expected: np.ndarray) -> np.ndarray:
    """Where operators of a file of several reach the end of float32 on the way, though the network's one need not; bool, the shape
    of `expected`. LiteRT's EXP makes the largest number there instead of infinity: log(1 + exp x) stays at 88.7 behind it."""
    # Constants may be that large, and kernels leave what they like in tensors of their own.
    made = {number for operator in flatbuffer.read(part).operators for number in operator.outputs}

    def read(number: int, values: np.ndarray) -> np.ndarray | None:
        return ~(np.abs(values) < _LARGEST) if number in made and values.dtype.kind == "f" else None

    found = np.zeros(expected.size, bool)
    for mask in plain.tensors(part, dict(enumerate(arrays)), read).values():
        if mask is not None and mask.any():
            # What is of another size goes into more than one entry.
            found |= mask.ravel() if mask.size == expected.size else True
    return found.reshape(expected.shape)
