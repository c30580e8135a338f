"""The outputs of a file beside those of the network: figures, limits, verdicts, worst samples."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.tflite.flatbuffer import Graph
from pipeline.verification import fidelity, tolerances

AT_MOST = ("max_abs_error", "mean_steps")
AT_LEAST = ("sqnr_db", "agreement")


@dataclass(frozen=True, kw_only=True)
class Allowance:
    """How far the outputs of a file may be from the network's.

    Attributes:
        weights, activations: dtypes in the file, the latter between operators.
        rounding: float files may be off by so many times the accumulated rounding.
        margin_db: quantized files may lie so far below the expected SQNR.
        agreement: least share of equal decisions.
    """

    weights: str
    activations: str
    rounding: float
    margin_db: float
    agreement: float


def compare(
    reference: Mapping[str, np.ndarray],
    predicted: Mapping[str, np.ndarray],
    *,
    float32: Graph,
    found: Graph,
    allowance: Allowance | None,
    ids: Sequence[str],
    worst: int,
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Compare every output on every sample.

    Args:
        reference: the network's outputs [n, ...] by name.
        predicted: the file's, in real units, the same names; another shape is a fault.
        float32: the float32 file, from whose operators the limits follow.
        found: the file in question, whose output steps count.
        allowance: what may differ; None: not known, then only NaN and infinity are judged.
        ids: of the samples, n.
        worst: how many samples to list for each output.

    Returns:
        For each output the figures of `fidelity.measure`, `n` and `worst` (`id`, `index`, `max_error` in the output's own units,
        None when it is not finite); and the rows of `verdicts` for all of them.
    """
    figures, checks = {}, []
    for output in reference:
        if reference[output].shape != predicted[output].shape:
            checks.append(_shape(output, reference[output].shape[1:], predicted[output].shape[1:]))
            continue
        step = tolerances.step(found, output)
        measured = fidelity.measure(reference[output], predicted[output], step=step)
        limits = {} if allowance is None else _limits(allowance, measured, float32, step)
        checks += verdicts(measured, limits, output=output)
        listed = fidelity.worst(reference[output], predicted[output], count=worst)
        figures[output] = {
            **measured,
            "n": len(reference[output]),
            "worst": [{"id": ids[i], "index": i, "max_error": error if np.isfinite(error) else None} for i, error in listed],
        }
    return figures, checks


def _shape(output: str, expected: Sequence[int], found: Sequence[int]) -> dict[str, Any]:
    """The row of an output of another shape, of which nothing else can be said."""
    reason = f"the file's output is {list(found)}; the network's is {list(expected)}"
    return {"name": "shape", "output": output, "value": 0.0, "limit": 1.0, "bound": "at least", "passed": False, "reason": reason}


def _limits(allowance: Allowance, measured: Mapping[str, float | None], float32: Graph, step: float | None) -> dict[str, float]:
    layers = tolerances.layers(float32)
    return tolerances.derive(
        measured,
        sqnr=tolerances.expected_sqnr(weights=allowance.weights, activations=allowance.activations, layers=layers),
        rounding=allowance.rounding * tolerances.accumulated_rounding(float32),
        margin_db=allowance.margin_db,
        agreement=allowance.agreement,
        step=step,
    )


def worst(figures: Mapping[str, Mapping[str, Any]], *, count: int) -> list[int]:
    """Numbers of the worst samples of any output, those of the first output first.

    Args:
        figures: of `compare`.
        count: how many at most.
    """
    return list(dict.fromkeys(row["index"] for output in figures.values() for row in output["worst"]))[:count]


def verdicts(figures: Mapping[str, float | None], limits: Mapping[str, float], *, output: str) -> list[dict[str, Any]]:
    """A row for each check of one output.

    Args:
        figures: of `fidelity.measure`.
        limits: of `tolerances.derive`, by names of `AT_MOST` and `AT_LEAST`.
        output: its name.

    Returns:
        Rows with `name`, `output`, `value`, `limit`, `bound`, `passed` and `reason`. A figure that does not exist passes only
        when the outputs are identical, or when there is no decision to agree on.
    """
    finite = figures["finite"] == 1.0
    rows: list[dict[str, Any]] = [
        {
            "name": "finite",
            "output": output,
            "value": figures["finite"],
            "limit": 1.0,
            "bound": "at least",
            "passed": finite,
            "reason": "no NaN or infinity" if finite else "NaN or infinity in the outputs",
        }
    ]
    identical = finite and figures["max_abs_error"] == 0
    for name, limit in limits.items():
        value, most = figures[name], name in AT_MOST
        if value is None:
            passed = identical or (finite and name == "agreement")
            reason = _undefined(identical=identical, finite=finite, name=name)
        else:
            passed = value <= limit if most else value >= limit
            relation = ("within" if most else "meets") if passed else "above" if most else "below"
            reason = f"{value:.6g} {relation} the limit {limit:.6g}"
        rows.append(
            {
                "name": name,
                "output": output,
                "value": value,
                "limit": limit,
                "bound": "at most" if most else "at least",
                "passed": bool(passed),
                "reason": reason,
            }
        )
    return rows


def _undefined(*, identical: bool, finite: bool, name: str) -> str:
    if identical:
        return "the outputs are identical"
    if not finite:
        return "not computed: NaN or infinity"
    return "one value, no decision" if name == "agreement" else "undefined: the reference is all zeros"
