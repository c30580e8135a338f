"""The search over one network: on figures that are known, and its building and measuring on the shipped network."""

import hashlib
from typing import Any

import msgspec

from pipeline.mixed_precision import candidates, network_search, record
from pipeline.mixed_precision.candidates import Unit
from pipeline.tflite.layers_record import OperatorLayers
from tests.mixed_precision.test_record import RESULT, read
from tests.networks import Measured

UNITS = [Unit("CONV_2D", "a", ["stem"], 10, ("int8", "float32")), Unit("FULLY_CONNECTED", "b", [], 5, ("int4", "int8", "float32"))]
OPTIONS = msgspec.structs.replace(read(RESULT).asked, min_sqnr_db=20.0, samples=4, steps=20)
BYTES = {"int4": 10, "int8": 20, "float32": 80}
NOISE = {"int4": 0.5, "int8": 0.001, "float32": 0.0}
GRAPH: Any = None  # the objective bytes asks it nothing


class Known:
    """Builds and figures of a table, and what was asked for."""

    def __init__(self) -> None:
        self.built: list[tuple[str, ...]] = []
        self.asked: list[list[str]] = []
        self.progress = 0

    def build(self, assignment: tuple[str, ...]) -> tuple[list[dict[str, Any]], bytes]:
        self.built.append(assignment)
        return [{"regex": name} for name in assignment if name != "float32"], b"x" * sum(map(BYTES.__getitem__, assignment))

    def measure(self, question: list[str]) -> dict[str, Any]:
        assert self.progress == len(self.asked) + 1
        self.asked.append(question)
        noise = sum(NOISE[name] for name in question[1:])
        sqnr = {0.5: 3.0, 0.501: 2.9}.get(noise, 30.0) if noise else None
        size = sum(map(BYTES.__getitem__, question[1:]))
        return {"bytes": size, "finite": True, "noise": noise, "sqnr_db": sqnr, "drop": None, "drop_high": None}

    def count(self) -> None:
        self.progress += 1

    def run(self, options: record.Options = OPTIONS, n: int = 9) -> network_search.Outcome:
        return network_search.run(GRAPH, UNITS, options, build=self.build, measure=self.measure, n=n, progress=self.count)


def test_each_operator_alone_on_few_samples_then_assignments_on_all() -> None:
    known = Known()
    outcome = known.run()
    assert known.asked[:5] == [
        ["4", "int8", "float32"],
        ["4", "float32", "float32"],
        ["4", "float32", "int4"],
        ["4", "float32", "int8"],
        ["4", "float32", "float32"],
    ]
    assert {count for count, *_ in known.asked[5:]} == {"9"}
    assert len(known.asked) == 5 + outcome.found.trials <= network_search.questions(UNITS, OPTIONS) == 25
    assert outcome.found.assignment == ("int8", "int8")
    assert outcome.recipe == [{"regex": "int8"}, {"regex": "int8"}]
    assert len(outcome.model) == 40


def test_sensitivity_is_measured_on_no_more_samples_than_there_are() -> None:
    known = Known()
    known.run(n=3)
    assert {count for count, *_ in known.asked} == {"3"}


def test_a_size_that_was_measured_is_not_built_again() -> None:
    known = Known()
    known.run()
    alone = {tuple(assignment) for _, *assignment in known.asked[:5]}
    assert not alone & set(known.built[:-1])


def test_the_record_of_a_search() -> None:
    outcome = Known().run()
    rows = [
        OperatorLayers(operator="CONV_2D", tensor="a", layers=["stem"]),
        OperatorLayers(operator="SOFTMAX", tensor="c", layers=[]),
    ]
    made = network_search.result(outcome, UNITS, rows, search="mixed", options=OPTIONS, metric="accuracy", n=9)
    assert read(msgspec.to_builtins(made)) == made
    assert [(row.operator, row.layers, row.scheme) for row in made.operators] == [
        ("CONV_2D", ("stem",), "int8"),
        ("SOFTMAX", (), "float32"),
    ]
    assert made.sha256 == hashlib.sha256(outcome.model).hexdigest()
    assert (made.steps, made.met, made.finished) == (outcome.found.trials, True, True)
    assert made.figures == made.path[-1]
    assert (made.figures.bytes, made.figures.cost, made.figures.sqnr_db) == (40, 40, 30.0)
    assert [(row.tensor, row.scheme, row.saving) for row in made.sensitivity] == [
        ("b", "int4", 70),
        ("a", "int8", 60),
        ("b", "int8", 60),
    ]


def test_building_and_measuring_the_shipped_network(digits: Measured) -> None:
    how: dict[str, Any] = {"algorithm": "min_max", "granularity": "channel"}
    units = candidates.units(digits.graph, digits.rows, ("static_wi8_ai8", "float32"), **how)
    assignment = ("float32", *("static_wi8_ai8",) * (len(units) - 1))
    build = network_search.builder(digits.model, digits.graph, units, digits.ranges, **how)
    chosen = {unit.tensor: scheme for unit, scheme in zip(units, assignment, strict=True)}
    assert build(assignment) == candidates.build(digits.model, digits.graph, chosen, digits.ranges, **how)
    assert build(assignment) is build(assignment)
    measured_on: list[int] = []

    def drop(before: Any, after: Any) -> tuple[float, float]:
        measured_on.extend((len(before["probabilities"]), len(after["probabilities"])))
        return 0.0, 0.0

    measure = network_search.measurer(build, digits.evaluation, {"probabilities": digits.reference}, drop=drop, workers=1)
    assert measure(["5", *assignment]) == candidates.measure(
        build(assignment)[1],
        {name: array[:5] for name, array in digits.evaluation.items()},
        {"probabilities": digits.reference[:5]},
        drop=drop,
        workers=1,
    )
    assert measured_on == [5] * 4
