"""The outputs of a file beside those of the network: figures, limits, verdicts, worst samples."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pipeline.tflite.flatbuffer import Graph
from pipeline.verification import fidelity, tolerances, verdict


def judge(
    reference: Mapping[str, np.ndarray],
    predicted: Mapping[str, np.ndarray],
    *,
    float32: Graph,
    found: Graph,
    formats: tuple[str, str],
    ids: Sequence[str],
    rounding: float,
    margin_db: float,
    agreement: float,
    worst: int,
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Judge every output on every sample.

    Args:
        reference: the network's outputs [n, ...] by name.
        predicted: the file's, in real units, the same names and shapes.
        float32: the float32 file, from whose operators the limits follow.
        found: the file in question, whose output steps count.
        formats: dtypes of weights and of activations between operators.
        ids: of the samples, n.
        rounding: float files may be off by so many times the accumulated rounding.
        margin_db: quantized files may lie so far below the expected SQNR.
        agreement: least share of equal decisions.
        worst: how many samples to list for each output.

    Returns:
        For each output the figures of `fidelity.measure`, `n` and `worst` (`id`, `index`, `max_error` in the output's own units,
        None when it is not finite); and the rows of `verdict.judge` for all of them.
    """
    allowed_rounding = rounding * tolerances.accumulated_rounding(float32)
    sqnr = tolerances.expected_sqnr(weights=formats[0], activations=formats[1], layers=tolerances.layers(float32))
    figures, checks = {}, []
    for output in reference:
        step = tolerances.step(found, output)
        measured = fidelity.measure(reference[output], predicted[output], step=step)
        allowed = tolerances.derive(
            measured, sqnr=sqnr, rounding=allowed_rounding, margin_db=margin_db, agreement=agreement, step=step
        )
        checks += verdict.judge(measured, allowed, output=output)
        listed = fidelity.worst(reference[output], predicted[output], count=worst)
        figures[output] = {
            **measured,
            "n": len(reference[output]),
            "worst": [{"id": ids[i], "index": i, "max_error": error if np.isfinite(error) else None} for i, error in listed],
        }
    return figures, checks


def worst(figures: Mapping[str, Mapping[str, Any]], *, count: int) -> list[int]:
    """Numbers of the worst samples of any output, those of the first output first.

    Args:
        figures: of `judge`.
        count: how many at most.
    """
    return list(dict.fromkeys(row["index"] for output in figures.values() for row in output["worst"]))[:count]
