"""What reports/latency.json holds."""

from typing import Any

import msgspec

from pipeline.selection.benchmark_report import Cost


class Latency(msgspec.Struct, frozen=True, kw_only=True):
    """What each variant costs on this machine.

    The file also has the figures of the selected variant beside these, flat, for `dvc exp show`; they are the same, and not read
    back.
    """

    variants: dict[str, Cost]


def flat(latency: Latency, selected: str | None) -> dict[str, Any]:
    """The content of the file."""
    content = msgspec.to_builtins(latency)
    return {**({} if selected is None else content["variants"][selected]), **content}
