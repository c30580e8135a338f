"""From measured figures and limits to verdicts with reasons."""

from collections.abc import Mapping
from typing import Any

AT_MOST = ("max_abs_error", "mean_steps")
AT_LEAST = ("sqnr_db", "agreement")


def judge(figures: Mapping[str, float | None], limits: Mapping[str, float], *, output: str) -> list[dict[str, Any]]:
    """A row for each check of one output.

    Args:
        figures: of `fidelity.measure`.
        limits: of `limits.derive`, by names of `AT_MOST` and `AT_LEAST`.
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
