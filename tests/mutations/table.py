"""What the campaign prints."""

from collections import Counter
from collections.abc import Mapping, Sequence

from tests.mutations.attempt import ACCEPTED, REFUSED, WRONG
from tests.mutations.server import Outcome


def markdown(found: Sequence[Outcome], titles: Mapping[str, str], *, by_attack: bool = False) -> str:
    """How many were tried, refused, accepted, and wrong, with what was wrong: one row for each format.

    Args:
        found: of all mutations.
        titles: formats in the order of the rows, and what they are called in them.
        by_attack: one row for each kind of damage to each format instead.
    """
    lines = ["| damaged files | tried | refused | accepted | wrong |", "|---|---:|---:|---:|---:|"]
    for format, title in titles.items():
        own = [outcome for outcome in found if outcome.format == format]
        attacks = _attacks(own) if by_attack else []
        lines += [_row(f"{title}: {attack}", [each for each in own if each.attack == attack]) for attack in attacks]
        lines += [] if by_attack else [_row(title, own)]
    return "\n".join([*lines, _row("all", found)])


def _attacks(found: Sequence[Outcome]) -> list[str]:
    return sorted({outcome.attack for outcome in found})


def _row(name: str, found: Sequence[Outcome]) -> str:
    counts = Counter(outcome.answer.kind for outcome in found)
    wrong = {kind: counts[kind] for kind in WRONG if counts[kind]}
    kinds = f" ({', '.join(f'{kind} {count}' for kind, count in wrong.items())})" if wrong else ""
    total = sum(wrong.values())
    return f"| {name} | {len(found):,} | {counts[REFUSED]:,} | {counts[ACCEPTED]:,} | {total:,}{kinds} |"


def natively(found: Sequence[Outcome]) -> str:
    """How many were refused for what the native code of a library did, which no exception tells."""
    said = [outcome.answer.said for outcome in found if outcome.answer.kind == REFUSED]
    ended, endless = sum("ends the process" in text for text in said), sum("no end after" in text for text in said)
    return f"Refused as a library ended the process: {ended}; as it came to no end: {endless}."


def wrong(found: Sequence[Outcome], *, seed: int) -> list[str]:
    """Each that is wrong in a line: what it is, how to see it again, and where the damaged file lies."""
    return [
        f"{outcome.answer.kind}: {outcome.format} {outcome.attack}: {outcome.answer.said} "
        f"[--only {outcome.format} --number {outcome.number} --seed {seed}; {outcome.kept}]"
        for outcome in found
        if outcome.answer.kind in WRONG
    ]
