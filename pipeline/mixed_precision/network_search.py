"""A search over one network: each operator alone in each scheme first, then the assignments that this makes promising.

Building and measuring are given as functions, so that a checkpoint can stand between a measurement and who asks for it.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from functools import cache, lru_cache
from typing import Any, NamedTuple

import numpy as np

from pipeline.mixed_precision import assignment_search, candidates, cost_model, record, sensitivity
from pipeline.mixed_precision.assignment_search import FLOAT, Assignment, Figures
from pipeline.mixed_precision.candidates import Unit
from pipeline.mixed_precision.record import Options
from pipeline.quantization.recipes import Recipe
from pipeline.tflite.flatbuffer import Graph
from pipeline.tflite.layers_record import OperatorLayers

Build = Callable[[Assignment], tuple[Recipe, bytes]]
# How many of the tuning samples to measure on, then the scheme of each unit: texts, as a checkpoint keeps them.
Question = list[str]
Measure = Callable[[Question], dict[str, Any]]


class Outcome(NamedTuple):
    """What a search found, the recipe and the .tflite file of its assignment, and how sensitive the operators are."""

    found: assignment_search.Found
    recipe: Recipe
    model: bytes
    sensitivity: list[record.Sensitivity]


def builder(
    model: bytes,
    graph: Graph,
    units: Sequence[Unit],
    ranges: Mapping[str, Mapping[str, tuple[float, float]]],
    *,
    algorithm: str,
    granularity: str,
) -> Build:
    """From an assignment to its recipe and .tflite file; the last one built is kept.

    Args:
        model, graph: the float32 file.
        units: whose schemes an assignment names.
        ranges: by tensor, under "8" and "16" (bits).
        algorithm, granularity: of weights.
    """

    @lru_cache(maxsize=1)  # what a candidate costs and how good it is are asked one after the other
    def build(assignment: Assignment) -> tuple[Recipe, bytes]:
        return candidates.build(model, graph, _chosen(units, assignment), ranges, algorithm=algorithm, granularity=granularity)

    return build


def measurer(
    build: Build,
    samples: Mapping[str, np.ndarray],
    reference: Mapping[str, np.ndarray],
    *,
    drop: candidates.Drop | None,
    workers: int,
) -> Measure:
    """From a question to the figures of `candidates.measure`.

    Args:
        build: of `builder`.
        samples: inputs [n, ...] by name.
        reference: the float32 file's outputs [n, ...] by name.
        drop: of the primary metric on the first samples, as `candidates.measure` takes it.
        workers: interpreters.
    """

    def measure(question: Question) -> dict[str, Any]:
        count, *assignment = question
        made = build(tuple(assignment))[1]
        return candidates.measure(made, _first(samples, int(count)), _first(reference, int(count)), drop=drop, workers=workers)

    return measure


def _first(arrays: Mapping[str, np.ndarray], count: int) -> dict[str, np.ndarray]:
    """The first samples of arrays [n, ...]."""
    return {name: array[:count] for name, array in arrays.items()}


def questions(units: Sequence[Unit], options: Options) -> int:
    """How many questions `run` asks at most."""
    return sum(len(unit.choices) for unit in units) + options.steps


def run(
    graph: Graph,
    units: Sequence[Unit],
    options: Options,
    *,
    build: Build,
    measure: Measure,
    n: int,
    progress: Callable[[], object],
) -> Outcome:
    """Search.

    Args:
        graph: of the float32 file.
        units: the operators to choose for, at least one.
        options: of the search.
        build: of `builder`.
        measure: of `measurer`, or what remembers its answers.
        n: tuning samples that the budget is held against; sensitivity is measured on the first `options.samples` of them.
        progress: called before each question.
    """

    def ask(count: int, assignment: Assignment) -> Figures:
        progress()
        return measure([str(count), *assignment])

    choices = [unit.choices for unit in units]
    alone, nothing, few = sensitivity.alone(choices), (FLOAT,) * len(units), min(options.samples, n)
    figures = [{scheme: ask(few, assignment) for scheme, assignment in row.items()} for row in alone]
    known_bytes = {
        assignment: row[scheme]["bytes"]
        for assignments, row in zip(alone, figures, strict=True)
        for scheme, assignment in assignments.items()
    }

    @cache
    def cost(assignment: Assignment) -> float:
        if options.objective == "bytes":
            return known_bytes.get(assignment) or len(build(assignment)[1])
        return cost_model.weighted_macs(graph, build(assignment)[1], _chosen(units, assignment), options.costs)

    def violation(row: Figures) -> float:
        return candidates.violation(row, max_drop=options.max_drop, drop_bound=options.drop_bound, min_sqnr_db=options.min_sqnr_db)

    saving = [{scheme: cost(nothing) - cost(assignment) for scheme, assignment in row.items()} for row in alone]
    found = assignment_search.find(
        choices,
        noise=[{scheme: sensitivity.noise(row) for scheme, row in unit.items()} for unit in figures],
        saving=saving,
        cost=cost,
        measure=lambda assignment: ask(n, assignment),
        violation=violation,
        trials=options.steps,
    )
    return Outcome(found, *build(found.assignment), sensitivity.ranked(units, figures, saving))


def result(
    outcome: Outcome,
    units: Sequence[Unit],
    rows: Sequence[OperatorLayers],
    *,
    search: str,
    options: Options,
    metric: str,
    n: int,
) -> record.Result:
    """The record of a search.

    Args:
        outcome: of `run`.
        units: that it chose for.
        rows: `operators` of models/layers.json.
        search: its name.
        options: it was run with.
        metric: the primary metric's name.
        n: as of `run`.
    """
    chosen = _chosen(units, outcome.found.assignment)
    path = tuple(record.Improvement(step=row.trial, move=row.move, cost=row.cost, **row.figures) for row in outcome.found.path)
    return record.Result(
        search=search,
        asked=options,
        n=n,
        metric=metric,
        met=outcome.found.met,
        finished=outcome.found.finished,
        steps=outcome.found.trials,
        sha256=hashlib.sha256(outcome.model).hexdigest(),
        figures=path[-1],
        recipe=outcome.recipe,
        operators=tuple(
            record.Operator(
                operator=row.operator,
                tensor=row.tensor,
                layers=tuple(row.layers),
                scheme=chosen.get(row.tensor, FLOAT),
            )
            for row in rows
        ),
        sensitivity=tuple(outcome.sensitivity),
        path=path,
    )


def _chosen(units: Sequence[Unit], assignment: Assignment) -> dict[str, str]:
    """Scheme by tensor."""
    return {unit.tensor: scheme for unit, scheme in zip(units, assignment, strict=True)}
