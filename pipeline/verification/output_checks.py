"""The outputs of a file beside those of the network: figures, limits, verdicts, worst samples."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from pipeline.tflite.flatbuffer import Graph
from pipeline.verification import fidelity, tolerances
from pipeline.verification.decisions import Decision, changes
from pipeline.verification.expected_noise import Simulation
from pipeline.verification.output_limits import Allowance, Limits

AT_MOST = ("max_abs_error", "mean_steps")
# Of the decisions, this share may change although they were not close: noise has tails.
_FAR = 0.005
# Whatever the noise: so many are as before, or the file is no copy of the network. Noise of `tolerances.LEAST_DB` leaves the
# largest of two independent normal values in 86 of 100 cases, of a hundred in 46, of a thousand in 37 (simulated).
_LEAST = 1 / 3


def compare(
    reference: Mapping[str, np.ndarray],
    predicted: Mapping[str, np.ndarray],
    *,
    float32: Graph,
    found: Graph,
    allowance: Allowance | None,
    decisions: Mapping[str, Decision],
    noise: Simulation | str,
    moves: Callable[[np.ndarray], Mapping[str, np.ndarray]] | None,
    ids: Sequence[str],
    worst: int,
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Compare every output on every sample.

    Args:
        reference: the network's outputs [n, ...] by name.
        predicted: the file's, in real units, the same names; another shape is a fault.
        float32: the float32 file, from whose operators limits follow where nothing was simulated.
        found: the file in question, whose output steps count.
        allowance: what may differ; None: not known, then only NaN and infinity are judged.
        decisions: how outputs decide; those that are left out decide nothing.
        noise: what the formats of the file cost this network, or why that is not known.
        moves: of a float file, how far outputs move with the rounding of the inputs, for samples by number (`conditioning.moves`);
            None: not known.
        ids: of the samples, n.
        worst: how many samples to list for each output.

    Returns:
        For each output the figures of `fidelity.measure`, `agreement` (share of equal decisions, None without), `n` and `worst`
        (`id`, `index`, `max_error` in the output's own units, None when it is not finite); and the rows of checks for all of them.
    """
    figures, checks = {}, []
    for output in reference:
        ours, theirs = reference[output], predicted[output]
        if ours.shape != theirs.shape:
            checks.append(_shape(output, ours.shape[1:], theirs.shape[1:]))
            continue
        step = tolerances.step(found, output)
        measured = fidelity.measure(ours, theirs, step=step)
        finite = measured["finite"] == 1.0
        checks.append(_finite(output, finite=finite))
        simulated = noise if isinstance(noise, Simulation) and output in noise.outputs else None
        limits = None
        if allowance is not None:
            limits = Limits(output, allowance, float32, step, ours, simulated)
            if finite:
                limits.set_apart(ours, theirs, moves)
            at = limits.judged(len(ours))
            judged = fidelity.measure(ours[at], theirs[at], step=step) if finite and len(at) < len(ours) else measured
            checks += verdicts(judged, limits.of(judged), output=output, why=limits.why(ids))
        agreement = None
        if finite and output in decisions:
            changed = changes(ours, theirs, decisions[output])
            agreement = changed.agreement
            if limits is not None and agreement is not None:
                checks.append(_decided(output, agreement, changed.decisions, limits.close(changed.samples, changed.margins, ours)))
        listed = fidelity.worst(ours, theirs, count=worst)
        figures[output] = {
            **measured,
            "agreement": agreement,
            "n": len(ours),
            "worst": [{"id": ids[i], "index": i, "max_error": error if np.isfinite(error) else None} for i, error in listed],
        }
    return figures, checks


def _shape(output: str, expected: Sequence[int], found: Sequence[int]) -> dict[str, Any]:
    """The row of an output of another shape, of which nothing else can be said."""
    reason = f"the file's output is {list(found)}; the network's is {list(expected)}"
    return _row("shape", output, 0.0, 1.0, passed=False, reason=reason)


def _finite(output: str, *, finite: bool) -> dict[str, Any]:
    reason = "no NaN or infinity" if finite else "NaN or infinity in the outputs"
    return _row("finite", output, 1.0 if finite else 0.0, 1.0, passed=finite, reason=reason)


def _decided(output: str, agreement: float, decisions: int, close: float) -> dict[str, Any]:
    """The row of the decisions: those that were close may change, and a few others."""
    changed = round((1 - agreement) * decisions)
    limit = max(_LEAST, 1 - (close + np.floor(_FAR * decisions)) / decisions)
    reason = f"{changed:,} of {decisions:,} decisions changed"
    if changed:
        reason += f", {round(close):,} of them closer than the noise of its formats"
    if agreement < _LEAST:
        reason += "; whatever the noise, a third must stay as they were"
    return _row("agreement", output, agreement, float(limit), passed=bool(agreement >= limit - 1e-12), reason=reason)


def _row(name: str, output: str, value: float | None, limit: float, *, passed: bool, reason: str) -> dict[str, Any]:
    bound = "at most" if name in AT_MOST else "at least"
    return {"name": name, "output": output, "value": value, "limit": limit, "bound": bound, "passed": passed, "reason": reason}


def worst(figures: Mapping[str, Mapping[str, Any]], *, count: int) -> list[int]:
    """Numbers of the worst samples of any output, those of the first output first.

    Args:
        figures: of `compare`.
        count: how many at most.
    """
    return list(dict.fromkeys(row["index"] for output in figures.values() for row in output["worst"]))[:count]


def verdicts(
    figures: Mapping[str, float | None], limits: Mapping[str, float], *, output: str, why: str = ""
) -> list[dict[str, Any]]:
    """A row for each limit of one output.

    Args:
        figures: of `fidelity.measure`.
        limits: of `tolerances.derive`.
        output: its name.
        why: where the limits are from, for the reasons.

    Returns:
        Rows with `name`, `output`, `value`, `limit`, `bound`, `passed` and `reason`. A figure that does not exist passes only
        when the outputs are identical.
    """
    finite = figures["finite"] == 1.0
    identical = finite and figures["max_abs_error"] == 0
    rows: list[dict[str, Any]] = []
    for name, limit in limits.items():
        value, most = figures[name], name in AT_MOST
        if value is None:
            passed, reason = identical, _undefined(identical=identical, finite=finite)
        else:
            passed = value <= limit if most else value >= limit
            relation = ("within" if most else "meets") if passed else "above" if most else "below"
            reason = f"{value:.6g} {relation} the limit {limit:.6g}{why}"
        rows.append(_row(name, output, value, limit, passed=bool(passed), reason=reason))
    return rows


def _undefined(*, identical: bool, finite: bool) -> str:
    if identical:
        return "the outputs are identical"
    return "undefined: the reference is all zeros" if finite else "not computed: NaN or infinity"
