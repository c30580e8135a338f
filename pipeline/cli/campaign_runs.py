"""What LiteRT makes of a mutated file, in a process of its own: it may crash, hang, or ask for all the memory there is."""

import multiprocessing
import resource
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from pipeline.runtime import interpreter

# Kernels as they are called in reasons.
KERNELS = {True: "XNNPACK", False: "built-in kernels"}
# Of a reason: LiteRT did not even prepare the file.
OPENING = "not opened"
_SECONDS = 10.0
_BYTES = 4 << 30

# Ways of running a file: kernels (with XNNPACK's, or the built-in ones alone) and whether inputs and outputs go by the signature's
# names or by their places in the subgraph.
WAYS = tuple((delegate, named) for delegate in (True, False) for named in (True, False))
# Outputs by name or place, for each way, stacked [samples, ...] in real units.
Outputs = dict[tuple[bool, bool], dict[str, np.ndarray]]


@dataclass
class Runner:
    """The process and the line to it."""

    process: Any
    line: Connection


@contextmanager
def runner() -> Iterator["Runner"]:
    """A process that runs files; it is started again whenever a file has ended it."""
    found = _start()
    try:
        yield found
    finally:
        found.process.kill()
        found.process.join()


def _start() -> Runner:
    # Not forked: this process has TensorFlow's threads.
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs,), daemon=True)
    process.start()
    theirs.close()
    return Runner(process, ours)


def outputs(by: Runner, model: bytes, samples: Mapping[str, np.ndarray], order: list[str]) -> Outputs | str:
    """What a file makes of samples in each of `WAYS`.

    Args:
        by: of `runner`.
        model: the file.
        samples: inputs [n, ...] by signature name, in real units.
        order: those names in the order of the subgraph's inputs.

    Returns:
        The outputs; or in words why there are none: LiteRT refuses the file, crashes, or does not end.
    """
    doing, answer = "starting", None
    try:
        by.line.send((model, dict(samples), order))
        while answer is None and by.line.poll(_SECONDS):
            doing, answer = by.line.recv()
        if answer is not None:
            return answer
        reason = f"no answer after {_SECONDS:g} s"
    except (EOFError, ConnectionError):
        by.process.join()
        reason = f"ends the process with {by.process.exitcode}"
    by.process.kill()
    by.process.join()
    again = _start()
    by.process, by.line = again.process, again.line
    return f"{doing}: {reason}"


def _serve(line: Connection) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (_BYTES, _BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    while True:
        try:
            model, samples, order = line.recv()
        except EOFError:
            return
        line.send(("done", _run(model, samples, order, line)))


def _run(model: bytes, samples: Mapping[str, np.ndarray], order: list[str], line: Connection) -> Outputs | str:
    found: Outputs = {}
    for delegate, kernels in KERNELS.items():
        # Should the process end, the last word is where.
        where = f"{kernels}, {OPENING}"
        line.send((where, None))
        try:
            opened = interpreter.opened(model, delegate=delegate)
            where = kernels
            line.send((where, None))
            keys = opened.get_signature_list()
            if keys:
                found[delegate, True] = _by_name(opened, opened.get_signature_runner(next(iter(keys))), samples)
            found[delegate, False] = _by_place(opened, [samples[name] for name in order])
        except (ValueError, RuntimeError, KeyError, IndexError, TypeError, MemoryError, OverflowError, AttributeError) as error:
            return f"{where}: {type(error).__name__}: {' '.join(str(error).split())[:160]}"
    return found


def _by_name(opened: Any, run: Any, samples: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    wanted, made = run.get_input_details(), run.get_output_details()
    # Names may change; roles may not.
    given = samples if set(wanted) == set(samples) else dict(zip(wanted, samples.values(), strict=True))
    rows = []
    for number in range(len(next(iter(samples.values())))):
        opened.reset_all_variables()
        sample = {name: interpreter.quantized(array[number : number + 1], wanted[name]) for name, array in given.items()}
        rows.append({name: interpreter.real(value, made[name]) for name, value in run(**sample).items()})
    return {name: np.stack([row[name] for row in rows]) for name in rows[0]}


def _by_place(opened: Any, samples: list[np.ndarray]) -> dict[str, np.ndarray]:
    wanted, made = opened.get_input_details(), opened.get_output_details()
    rows = []
    for number in range(len(samples[0])):
        opened.reset_all_variables()
        for detail, array in zip(wanted, samples, strict=True):
            opened.set_tensor(detail["index"], interpreter.quantized(array[number : number + 1], detail))
        opened.invoke()
        rows.append([interpreter.real(opened.get_tensor(detail["index"]), detail) for detail in made])
    return {str(place): np.stack([row[place] for row in rows]) for place in range(len(made))}


def difference(before: Outputs, after: Outputs) -> tuple[float, str]:
    """The largest change of an output, relative to its peak, and where it is. Infinite when shapes, dtypes or NaN differ.

    Ways that the second file does not have (it has no signature) are left out. Outputs of other names are compared in order, behind
    those that have kept theirs.
    """
    worst, where = 0.0, ""
    for way in WAYS:
        if way not in after or way not in before:
            continue
        ours, theirs = before[way], after[way]
        said = f"{KERNELS[way[0]]}, {'by name' if way[1] else 'by place'}"
        if len(ours) != len(theirs):
            return np.inf, f"{said}: {len(theirs)} outputs for {len(ours)}"
        # LiteRT sorts them by name: one that was renamed stands in another place.
        rest = [name for name in theirs if name not in ours]
        pairs = [(name, name if name in theirs else rest.pop(0)) for name in ours]
        for one, other in pairs:
            change = _change(ours[one], theirs[other])
            if change > worst:
                worst, where = change, f"{said}: {one}"
    return worst, where


def _change(one: np.ndarray, other: np.ndarray) -> float:
    if one.shape != other.shape or one.dtype != other.dtype:
        return float("inf")
    a, b = one.astype(np.float64), other.astype(np.float64)
    both = np.isfinite(a) & np.isfinite(b)
    if not np.array_equal(np.where(both, 0, a), np.where(both, 0, b), equal_nan=True):
        return float("inf")
    peak = np.abs(a[both]).max(initial=0)
    off = np.abs(a[both] - b[both]).max(initial=0)
    return float(off / peak) if peak else float("inf") if off else 0.0
