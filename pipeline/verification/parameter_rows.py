"""The certificate's row for each variable of the network, how many parameters count as what, and that in one sentence."""

from collections.abc import Mapping, Sequence, Set
from typing import Any

import numpy as np

from pipeline.verification import fake_quantization, recomputed_value
from pipeline.verification.float32_proof import Source

# From worst to best: what a parameter counts as when several operators hold it.
_ORDER = ("rewritten", "quantized", "cast", "folded", "exact")


def rows(source: Source, constants: Sequence[Mapping[str, Any]], shown: Set[str] = frozenset()) -> list[dict[str, Any]]:
    """A row for each variable: `path`, `parameters`, `status`, `passed`, `reason`, and the `tensors` that hold it.

    Args:
        source: the network.
        constants: of `constant_rows.rows`.
        shown: paths of the variables behind what running the float32 file showed to be the network's.

    Returns:
        `status` is one of "exact", "folded", "cast", "quantized", "rewritten" (held), "absent" (not needed), "missing", "wrong".
    """
    ranges = fake_quantization.ranges(source.graph["nodes"])
    read = {node["path"] for node in source.graph["nodes"] if node["op"] == "Variable"}
    holders: dict[str, list[Mapping[str, Any]]] = {}
    for constant in constants:
        for variable in constant["variables"]:
            holders.setdefault(variable, []).append(constant)
    found = []
    for path, array in source.weights.items():
        row: dict[str, Any] = {"path": path, "parameters": int(array.size)}
        if path not in read:
            row |= {"status": "absent", "passed": True, "reason": absent(source), "tensors": []}
        elif holders.get(path):
            row |= _held(holders[path])
        elif path in ranges:
            row |= {"status": "exact", "passed": True, "reason": "a range of fake quantization: the scales hold it", "tensors": []}
        elif not np.any(array) and _only_added(path, source.graph["nodes"]):
            row |= {"status": "exact", "passed": True, "reason": "zeros that are only added: left out", "tensors": []}
        elif path in shown:
            reason = "folded: what depends on it makes what the network makes"
            row |= {"status": "folded", "passed": True, "reason": reason, "tensors": []}
        else:
            row |= {"status": "missing", "passed": False, "reason": "no constant of the file comes from it", "tensors": []}
        found.append(row)
    return found


def _held(held: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    wrong = [entry for entry in held if not entry["passed"]]
    kinds = {"exact" if entry["kind"] == recomputed_value.CONVERTER else entry["kind"] for entry in held}
    status = "wrong" if wrong else next(kind for kind in _ORDER if kind in kinds)
    reason = wrong[0]["reason"] if wrong else ", ".join(dict.fromkeys(entry["transformation"] for entry in held))
    names = dict.fromkeys(entry["tensor"] or entry["expected_tensor"] for entry in held)
    return {"status": status, "passed": not wrong, "reason": reason, "tensors": list(names)}


def counts(variables: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Parameters by status, their `total`, how many are `accounted` for, and their `share` (1 when there are none).

    Args:
        variables: of `rows`.
    """
    by_status = {
        status: sum(row["parameters"] for row in variables if row["status"] == status)
        for status in (*_ORDER[::-1], "absent", "missing", "wrong")
    }
    total = sum(row["parameters"] for row in variables)
    accounted = total - by_status["missing"] - by_status["wrong"]
    return {"total": total, "accounted": accounted, "share": accounted / total if total else 1.0, **by_status}


def absent(source: Source) -> str:
    """Why the exported graph does not read a variable."""
    return "unused, or folded when the network was rewritten" if source.graph["frozen"] else "not used at inference"


def _only_added(path: str, nodes: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a variable does nothing but be added, possibly in another shape."""
    names = {node["name"] for node in nodes if node.get("path") == path}
    added = False
    for node in nodes:  # behind what they read
        if any(reference.split(":")[0] in names for reference in node["inputs"]):
            if node["op"] in ("Reshape", "ExpandDims", "Squeeze", "Cast", "BroadcastTo"):
                names.add(node["name"])
            elif node["op"] in ("Add", "AddV2", "BiasAdd"):
                added = True
            else:
                return False
    return added


def sentence(parameters: Mapping[str, Any], *, worst_step: float | None, absent: str) -> str:
    """What became of the network's parameters.

    Args:
        parameters: of `counts`.
        worst_step: the largest error of a quantized constant in its quantization steps, None when there is none.
        absent: why some are not in the file.
    """
    parts = [f"{parameters[status]:,} {status}" for status in ("exact", "folded", "cast") if parameters[status]]
    if parameters["rewritten"]:
        parts.append(f"{parameters['rewritten']:,} rewritten by the algorithm and not compared")
    if parameters["quantized"]:
        worst = "" if worst_step is None else f" (worst {worst_step:.2f} step)"
        parts.append(f"{parameters['quantized']:,} quantized{worst}")
    if parameters["absent"]:
        parts.append(f"{parameters['absent']:,} {absent}")
    lost = parameters["missing"] + parameters["wrong"]
    if lost:
        parts.append(f"{lost:,} not accounted for")
    return (
        f"{parameters['accounted']:,} of {parameters['total']:,} parameters accounted for: {', '.join(parts) or 'there are none'}"
    )
