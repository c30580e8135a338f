"""Which input and output of a foreign file is which of the network: by name where names agree, else by shape, dtype and position.

Converters choose names as they like. Several ways to pair them may be left; which of them holds, the certificate decides.
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pipeline.tflite.flatbuffer import Graph, Tensor

# So many ways are tried at the most: all orders of four.
MOST = 24
_INTEGERS = ("int8", "uint8", "int16")


@dataclass(frozen=True, kw_only=True)
class Ends:
    """The file's name of each input and output of the network, by the network's, in the network's order."""

    inputs: Mapping[str, str]
    outputs: Mapping[str, str]


def ways(
    graph: Graph,
    facts: Mapping[str, Any],
    *,
    inputs: Mapping[str, str] | None = None,
    outputs: Mapping[str, str] | None = None,
    shapes: tuple[Mapping[str, Sequence[int | None]], Mapping[str, Sequence[int | None]]] = ({}, {}),
) -> list[Ends]:
    """The ways to pair a file's inputs and outputs with the network's, the likeliest first; at least one.

    An input or output that has no partner is left out: then the two differ, and the signature's rows say how.

    Args:
        graph: the file.
        facts: `inputs` and `outputs` of the network with `name`, `shape` and `dtype`, as in models/source.json.
        inputs, outputs: what is known already: names of the file by those of the network.
        shapes: of the file's inputs and of its outputs by name, None for a length that is free; where it is not known, those of
            the tensors.

    Raises:
        ValueError: when a known name is none of the network's or of the file's, or there are more than `MOST` ways.
    """
    found = [
        list(_side(graph, facts, "inputs", inputs or {}, shapes[0])),
        list(_side(graph, facts, "outputs", outputs or {}, shapes[1])),
    ]
    for side, pairings in zip(("inputs", "outputs"), found, strict=True):
        if len(pairings) > MOST:
            raise ValueError(f"more than {MOST} ways to pair the {side} of file and network")
    if len(found[0]) * len(found[1]) > MOST:
        raise ValueError(f"{len(found[0])} ways to pair the inputs of file and network and {len(found[1])} for the outputs")
    return [Ends(inputs=one, outputs=other) for one, other in itertools.product(*found)]


def renamed(graph: Graph, ends: Ends, *, like: Graph | None = None) -> Graph:
    """The file with the network's names, in the order that the file `like` has them, or else in the network's. What has no partner
    keeps its own name."""
    return replace(
        graph,
        inputs=_renamed(graph.inputs, ends.inputs, list(ends.inputs if like is None else like.inputs)),
        outputs=_renamed(graph.outputs, ends.outputs, list(ends.outputs if like is None else like.outputs)),
    )


def _renamed(numbers: Mapping[str, int], names: Mapping[str, str], order: Sequence[str]) -> dict[str, int]:
    named = {ours: numbers[names[ours]] for ours in order if ours in names}
    known = set(names.values())
    return named | {name: number for name, number in numbers.items() if name not in known}


def _side(
    graph: Graph, facts: Mapping[str, Any], side: str, given: Mapping[str, str], shapes: Mapping[str, Sequence[int | None]]
) -> Iterator[dict[str, str]]:
    """Pairings of the inputs or of the outputs, at most `MOST` and one more."""
    numbers: dict[str, int] = getattr(graph, side)
    places = getattr(graph.subgraphs[graph.main], side) if graph.subgraphs else ()
    names = sorted(numbers, key=lambda name: places.index(numbers[name]) if numbers[name] in places else len(places))
    entries = {entry["name"]: entry for entry in facts[side]}
    _check(given, side, list(entries), names)
    fixed = {**_equal(list(entries), names), **given}
    # A name that was given to another is no longer free.
    fixed = {ours: theirs for ours, theirs in fixed.items() if ours in given or theirs not in given.values()}
    ours = [name for name in entries if name not in fixed]
    theirs = [name for name in names if name not in fixed.values()]

    def fits(one: str, other: str) -> bool:
        tensor = graph.tensors[numbers[other]]
        return _fits(entries[one], tensor, shapes.get(other))

    rest = list(itertools.islice(_pairings(ours, theirs, fits), MOST + 1))
    # Nothing fits: paired by position, so that the rows say what differs.
    for pairs in rest or [dict(zip(ours, theirs, strict=False))]:
        joined = fixed | pairs
        yield {name: joined[name] for name in entries if name in joined}


def _check(given: Mapping[str, str], side: str, ours: Sequence[str], theirs: Sequence[str]) -> None:
    for one, other in given.items():
        if one not in ours:
            raise ValueError(f"the network has no {side[:-1]} {one!r}; it has {', '.join(ours)}")
        if other not in theirs:
            raise ValueError(f"the file has no {side[:-1]} {other!r}; it has {', '.join(theirs)}")
    if len(set(given.values())) < len(given):
        raise ValueError(f"two {side} of the network are paired with one of the file")


def _equal(ours: Sequence[str], theirs: Sequence[str]) -> dict[str, str]:
    """Pairs of equal names; a converter puts `serving_default_` in front of an input's, and `:0` behind a tensor's."""
    plain: dict[str, list[str]] = {}
    for name in theirs:
        plain.setdefault(name.removeprefix("serving_default_").split(":")[0].removesuffix("_int8"), []).append(name)
    exact = {name: name for name in ours if name in theirs}
    more = {name: plain[name][0] for name in ours if name not in exact and len(plain.get(name, ())) == 1}
    return exact | {name: other for name, other in more.items() if other not in exact.values()}


def _fits(entry: Mapping[str, Any], tensor: Tensor, shape: Sequence[int | None] | None) -> bool:
    """Whether a tensor can be an input or output of the network: rank, lengths that are known, and kind of numbers."""
    lengths = list(tensor.shape if shape is None else shape)
    wanted = entry["shape"]
    if wanted is not None:
        if len(wanted) != len(lengths):
            return False
        # The batch is the converter's choice, and what the network leaves free is the file's.
        if any(a is not None and b is not None and a != b for a, b in list(zip(wanted, lengths, strict=True))[1:]):
            return False
    if entry["dtype"] == tensor.dtype:
        return True
    real = entry["dtype"] in ("float32", "float16", "float64", "bfloat16")
    return real and (tensor.dtype in ("float32", "float16") or (tensor.dtype in _INTEGERS and tensor.scales is not None))


def _pairings(ours: Sequence[str], theirs: Sequence[str], fits: Any) -> Iterator[dict[str, str]]:
    """Every way to give each of `ours` another of `theirs` that fits it, by position first."""
    if not ours:
        yield {}
        return
    for name in theirs:
        if fits(ours[0], name):
            for rest in _pairings(ours[1:], [other for other in theirs if other != name], fits):
                yield {ours[0]: name} | rest
