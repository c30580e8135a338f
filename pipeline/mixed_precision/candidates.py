"""Candidates of a mixed-precision search: which operators there are to choose for, building one, and what it is worth."""

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from pipeline.mixed_precision import cost_model
from pipeline.quantization import operator_plan, quantizer, recipes, schemes
from pipeline.runtime import interpreter
from pipeline.tflite import operators
from pipeline.tflite.flatbuffer import Graph
from pipeline.tflite.layers_record import OperatorLayers
from pipeline.verification import fidelity

FLOAT = "float32"
# Outputs of the float32 file and of a candidate, of the first samples, to the drop of the primary metric and the upper end of its
# interval, None where undefined or not asked for.
Drop = Callable[[Mapping[str, np.ndarray], Mapping[str, np.ndarray]], tuple[float | None, float | None]]


class Unit(NamedTuple):
    """An operator to choose a scheme for: its type, first output tensor, Keras layers, multiply-accumulates, and choices."""

    operator: str
    tensor: str
    layers: list[str]
    macs: int
    choices: tuple[str, ...]


def units(
    graph: Graph,
    rows: Sequence[OperatorLayers],
    choices: Sequence[str],
    *,
    algorithm: str,
    granularity: str,
    exclude: Collection[str] = (),
) -> list[Unit]:
    """The operators that can be something other than float32, in the order of the graph.

    Args:
        graph: of the float32 file.
        rows: `operators` of models/layers.json.
        choices: schemes in the order of preference. An operator without weights gets one for each dtype of activations.
        algorithm, granularity: of weights.
        exclude: tensors of operators that stay float32.
    """
    layers = {row.tensor: row.layers for row in rows}
    found = []
    for operator in graph.operators:
        tensor = graph.tensors[operator.outputs[0]].name
        if tensor in exclude:
            continue
        sound: list[str] = []
        stored: list[tuple[str, str]] = []
        for name in choices:
            scheme = schemes.SCHEMES["litert"][name]
            same = ("" if operator.name not in operators.QUANTIZABLE_WEIGHTS else name, scheme.activations)
            if name != FLOAT and not recipes.choice(graph, operator, scheme=name, algorithm=algorithm, granularity=granularity):
                continue
            if same not in stored:
                sound.append(name)
                stored.append(same)
        if any(name != FLOAT for name in sound):
            found.append(Unit(operator.name, tensor, layers.get(tensor, []), cost_model.values(graph, operator), tuple(sound)))
    return found


def build(
    model: bytes,
    graph: Graph,
    chosen: Mapping[str, str],
    measured: Mapping[str, Mapping[str, tuple[float, float]]],
    *,
    algorithm: str,
    granularity: str,
) -> tuple[recipes.Recipe, bytes]:
    """The recipe of one candidate, and the file it gives.

    Args:
        model, graph: the float32 file.
        chosen: scheme by tensor of a unit.
        measured: ranges by tensor, under "8" and "16" (bits).
        algorithm, granularity: of weights.
    """
    recipe = recipes.each(graph, chosen, algorithm=algorithm, granularity=granularity)
    rows = operator_plan.describe(graph, recipe, scheme="mixed", algorithm="recipe", granularity="recipe")
    return recipe, quantizer.quantize(
        model, recipe, known=quantizer.ranges_as_statistics(operator_plan.ranges(graph, rows, measured))
    )


def measure(
    candidate: bytes,
    samples: Mapping[str, np.ndarray],
    reference: Mapping[str, np.ndarray],
    *,
    drop: Drop | None,
    workers: int,
) -> dict[str, Any]:
    """The figures of a candidate: what it is worth on the tuning samples.

    Args:
        candidate: .tflite file.
        samples: inputs [n, ...] by name.
        reference: the float32 file's outputs [n, ...] by name.
        drop: of the primary metric. None without labels.
        workers: interpreters.

    Returns:
        `bytes`; `noise`, the largest ratio of noise power to signal power of any output; `sqnr_db`, the same in decibels,
        None without noise; `drop` of the metric against the reference (positive: worse) and `drop_high`, the upper end of its
        interval, None without labels or a figure; `finite`: whether all outputs are, without which nothing else is there.
    """
    found = interpreter.predict(candidate, samples, workers=workers)
    outputs = [fidelity.measure(reference[name], found[name]) for name in reference]
    if any(output["finite"] == 0 for output in outputs):
        return {"bytes": len(candidate), "finite": False, "noise": None, "sqnr_db": None, "drop": None, "drop_high": None}
    noise = max(float(output["relative_l2"] or 0.0) ** 2 for output in outputs)
    lost, high = (None, None) if drop is None else drop(reference, found)
    return {
        "bytes": len(candidate),
        "finite": True,
        "noise": noise,
        "sqnr_db": -10 * math.log10(noise) if noise > 0 else None,
        "drop": lost,
        "drop_high": high,
    }


def violation(figures: Mapping[str, Any], *, max_drop: float | None, drop_bound: str, min_sqnr_db: float | None) -> float:
    """By how much figures of `measure` miss the budget: points of the metric, or a hundredth of the missing decibels; 0: kept.

    What is held against `max_drop` is the drop itself ("estimate"), else the upper end of its interval.
    """
    if not figures["finite"]:
        return math.inf
    missed = 0.0
    if max_drop is not None:
        # The drop is a difference of two shares: what rounding in float64 may add to it is no miss.
        held = figures["drop" if drop_bound == "estimate" else "drop_high"]
        over = math.inf if held is None else held - max_drop
        missed = max(missed, over if over > 1e-9 else 0.0)
    if min_sqnr_db is not None and figures["sqnr_db"] is not None:
        missed = max(missed, (min_sqnr_db - figures["sqnr_db"]) / 100)
    return missed
