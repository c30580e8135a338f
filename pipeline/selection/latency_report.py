"""What reports/latency.json holds."""

from typing import Any

import msgspec


class Timing(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one compares of reports/benchmark/V.json, in milliseconds: DVC makes a column of each figure here."""

    latency_median_ms: float
    latency_p95_ms: float


class Latency(msgspec.Struct, frozen=True, kw_only=True):
    """How long each variant takes on this machine.

    The file also has the figures of the selected variant beside these, flat, for `dvc exp show`; they are the same, and not read
    back.
    """

    variants: dict[str, Timing]


def flat(latency: Latency, selected: str | None) -> dict[str, Any]:
    """The content of the file."""
    content = msgspec.to_builtins(latency)
    return {**({} if selected is None else content["variants"][selected]), **content}
