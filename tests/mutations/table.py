"""What the campaign prints."""

from collections import Counter
from collections.abc import Mapping, Sequence

from tests.mutations.attempt import ACCEPTED, REFUSED, WRONG
from tests.mutations.server import Outcome


def markdown(found: Sequence[Outcome], names: Mapping[str, str]) -> str:
    """One row for each kind of damage to each format: how many were tried, refused, accepted, and wrong, with what was wrong.

    Args:
        found: of all mutations.
        names: formats in the order of the rows, and what they are called in them.
    """
    lines = ["| format | attack | tried | refused | accepted | wrong |", "| --- | --- | ---: | ---: | ---: | ---: |"]
    for format, name in names.items():
        own = [outcome for outcome in found if outcome.format == format]
        lines += [_row(name, attack, [each for each in own if each.attack == attack]) for attack in dict.fromkeys(_attacks(own))]
    return "\n".join([*lines, _row("all", "", found)])


def _attacks(found: Sequence[Outcome]) -> list[str]:
    return sorted(outcome.attack for outcome in found)


def _row(name: str, attack: str, found: Sequence[Outcome]) -> str:
    counts = Counter(outcome.answer.kind for outcome in found)
    wrong = {kind: counts[kind] for kind in WRONG if counts[kind]}
    kinds = f" ({', '.join(f'{kind} {count}' for kind, count in wrong.items())})" if wrong else ""
    total = sum(wrong.values())
    return f"| {name} | {attack} | {len(found):,} | {counts[REFUSED]:,} | {counts[ACCEPTED]:,} | {total:,}{kinds} |"


def wrong(found: Sequence[Outcome], *, seed: int) -> list[str]:
    """Each that is wrong in a line: what it is, how to see it again, and where the damaged file lies."""
    return [
        f"{outcome.answer.kind}: {outcome.format} {outcome.attack}: {outcome.answer.said} "
        f"[--only {outcome.format} --number {outcome.number} --seed {seed}; {outcome.kept}]"
        for outcome in found
        if outcome.answer.kind in WRONG
    ]
