"""Constants that the network's operations read, as they are or merged: what an operator without a kernel may hold."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.verification.affine_maps import Affine, compose, of_operation
from pipeline.verification.linear_operations import LONGEST_RUN, Readers, readers
from pipeline.verification.rounded_arithmetic import Constant, combined


@dataclass(frozen=True, kw_only=True)
class Operand:
    """A constant that an operation reads as it is, or after merging a run of operations of the same kind (`operations`)."""

    constant: Constant
    operations: tuple[str, ...]


def operands(nodes: Sequence[Mapping[str, Any]], known: Mapping[str, Constant]) -> list[Operand]:
    """Constants that an operation reads, and products or sums of those that operations in a row read."""
    reading = readers(nodes)
    rows = []
    for node in nodes:
        if f"{node['name']}:0" in known:
            continue
        for reference in node["inputs"]:
            if reference in known:
                rows.append(Operand(constant=known[reference], operations=(node["name"],)))
                constant = known[reference]
                if node["op"] == "RealDiv" and reference == node["inputs"][1]:
                    reciprocal = combined("RealDiv", Constant(value=np.ones(())), constant)
                    rows.append(Operand(constant=reciprocal, operations=(node["name"],)))
            elif of_operation(node, reference, known) is not None:
                rows += _runs(reading, known, reference, node)
    return rows


def _runs(readers: Readers, known: Mapping[str, Constant], reference: str, first: Mapping[str, Any]) -> Iterator[Operand]:
    """Merged constants of runs of two and more operations that begin with `first` and only scale, or only shift."""
    first_map = of_operation(first, reference, known)
    if first_map is None:
        return
    states: list[tuple[Affine, str, tuple[str, ...]]] = [(first_map, f"{first['name']}:0", (first["name"],))]
    while states:
        so_far, at, run = states.pop()
        for node in readers.get(at, ()):
            following = of_operation(node, at, known)
            if following is None or len(run) == LONGEST_RUN:
                continue
            try:
                joined = compose(so_far, following)
            except ValueError:  # shapes that do not broadcast: no run
                continue
            names = (*run, node["name"])
            states.append((joined, f"{node['name']}:0", names))
            for constant in (joined.scale, joined.offset):
                if constant.variables or constant.nodes:
                    yield Operand(constant=constant, operations=names)
