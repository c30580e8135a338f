"""What models/selected/decision.json holds."""

import msgspec

from pipeline.failures.failure_record import Failure


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
    empty without labels), `sentence` is the whole in one. Left out of the file where there are none: `sha256` of the shipped file,
    and `failures`, which are of variants that could not be built or run.
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
    failures: dict[str, Failure] = {}
