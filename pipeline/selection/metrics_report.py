"""What reports/metrics.json holds."""

from typing import Any

import msgspec

# A figure of a variant; metrics stand under their own names.
Figure = bool | int | float | None
Row = dict[str, Figure]


class Metrics(msgspec.Struct, frozen=True, kw_only=True):
    """The row of each variant, and whether the conversion itself was verified (None: no float32 variant).

    The file also has the figures of the selected row beside these, flat, for `dvc exp show`; they are the same, and not read back.
    """

    selected: str | None
    conversion_verified: bool | None
    variants: dict[str, Row]


def flat(metrics: Metrics) -> dict[str, Any]:
    """The content of the file."""
    chosen = {} if metrics.selected is None else metrics.variants[metrics.selected]
    return {**chosen, **msgspec.to_builtins(metrics)}
