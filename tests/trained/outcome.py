"""What became of a network: what ships, and of each variant why or why not; read from the files that a run leaves."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline import files, paths
from tests.trained.network import Network

# Variants whose weights are integers.
INTEGER = ("dynamic_int8", "int8", "int16x8")


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """Read from reports/ and models/selected/ of a finished project.

    Attributes:
        n: evaluation samples.
        selected: the variant that ships, None: none.
        variants: the rows of reports/metrics.json.
        reasons: of decision.json, for every variant.
        metric: the primary one, None without labels.
        max_drop: budget of it.
    """

    n: int
    selected: str | None
    variants: Mapping[str, Mapping[str, Any]]
    reasons: Mapping[str, str]
    metric: str | None
    max_drop: float

    def refused(self) -> dict[str, str]:
        """Why, for each variant that does not qualify."""
        return {
            name: reason for name, reason in self.reasons.items() if name != self.selected and not reason.startswith("qualifies")
        }


def read(project: Path) -> Outcome:
    """The outcome of a project after `dvc repro`."""
    metrics, accuracy = files.read_json(project / paths.METRICS), files.read_json(project / paths.ACCURACY)
    decision = files.read_json(project / paths.SELECTED / "decision.json")
    return Outcome(
        n=accuracy["n"],
        selected=decision["selected"],
        variants=metrics["variants"],
        reasons=decision["reasons"],
        metric=accuracy["primary_metric"] if accuracy["labelled"] else None,
        max_drop=decision["max_drop"],
    )


def accused(network: Network, found: Outcome) -> list[str]:
    """Variants that are refused for something else than the budget, which the table does not expect, in words."""
    return [
        f"{name} is refused: {reason}"
        for name, reason in found.refused().items()
        if reason.startswith(("not verified", "could not", "cannot"))
        and (name not in network.refused or network.refused[name] not in reason)
    ]


def unexpected(network: Network, found: Outcome) -> list[str]:
    """Where an outcome is not what the table expects, in words."""
    said = [] if found.selected == network.ships else [f"ships {found.selected}, expected {network.ships}"]
    refused = found.refused()
    for name in sorted({*refused, *network.refused}):
        if name not in refused:
            said.append(f"{name} qualifies, expected: {network.refused[name]}")
        elif name not in network.refused or network.refused[name] not in refused[name]:
            said.append(f"{name} is refused: {refused[name]}")
    return said
