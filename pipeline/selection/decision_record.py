"""What models/selected/decision.json holds."""

import msgspec


class Constraints(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a variant has to keep (conf/select); None and false do not constrain."""

    max_drop: float
    drop_bound: str
    max_bytes: int | None
    max_latency_ms: float | None
    integer_only: bool
    target: str | None
    max_arena_bytes: int | None
    max_flash_bytes: int | None


class Decision(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Which variant is shipped, by name, and why.

    `verdicts` say what the drop of each means, `basis` on which samples and how far having been chosen flatters the figures (both
    empty without labels), `sentence` is the whole in one; `sha256` is that of the shipped file, None and left out of the file when
    nothing is shipped.
    """

    selected: str | None
    objective: str
    max_drop: float
    constraints: Constraints
    reasons: dict[str, str]
    verdicts: dict[str, str]
    sentence: str
    basis: str = ""
    sha256: str | None = None
