"""Which sample goes into which set: seeded, stratified by class, ordered, and never overlapping by content."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from pipeline.errors import UserError


def content_hash(sample: Mapping[str, np.ndarray]) -> str:
    """SHA-256 over names, dtypes, shapes and values of one sample's inputs."""
    digest = hashlib.sha256()
    for name in sorted(sample):
        array = np.ascontiguousarray(sample[name])
        digest.update(f"{name}|{array.dtype.str}|{array.shape}|".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def duplicates(hashes: Mapping[int, str] | Sequence[str], order: Iterable[int]) -> list[tuple[int, int]]:
    """Pairs (kept, repeated) of sample numbers with the same content; the first in `order` is kept. Hashes are by sample number."""
    first: dict[str, int] = {}
    return [(first[hashes[i]], i) for i in order if first.setdefault(hashes[i], i) != i]


def stratified_order(candidates: Sequence[int], labels: np.ndarray | None, *, seed: int) -> list[int]:
    """Shuffle, then interleave the classes so that every stretch of the result has the classes in proportion.

    Args:
        candidates: sample numbers.
        labels: class of every sample of the dataset, int [n], or None for a plain shuffle.
        seed: of the shuffle.

    Returns:
        The candidates in their new order. The k-th of the m samples of a class stands at (k + 1/2) / m of the way.
    """
    shuffled = [candidates[i] for i in np.random.default_rng(seed).permutation(len(candidates))]
    if labels is None:
        return shuffled
    by_class: dict[int, list[int]] = defaultdict(list)
    for sample in shuffled:
        by_class[int(labels[sample])].append(sample)
    placed = [((k + 0.5) / len(group), sample) for group in by_class.values() for k, sample in enumerate(group)]
    # Ties keep the order of the shuffle.
    rank = {sample: position for position, sample in enumerate(shuffled)}
    return [sample for _, sample in sorted(placed, key=lambda pair: (pair[0], rank[pair[1]]))]


def draw(
    available: Sequence[int],
    declared: np.ndarray | None,
    labels: np.ndarray | None,
    wanted: Mapping[str, tuple[Sequence[str] | None, int | float | str]],
    *,
    seed: int,
) -> dict[str, list[int]]:
    """Deal the available samples out to named sets, in the order of `wanted`.

    Args:
        available: sample numbers that may be used.
        declared: declared split of every sample of the dataset, str [n], or None.
        labels: class of every sample, int [n], or None.
        wanted: for each set its declared splits (None: any) and how much it takes: a count, a share of what these splits
            hold, or "rest".
        seed: of the shuffle.

    Returns:
        For each set its sample numbers, ordered so that every prefix is stratified. No sample is in two sets.

    Raises:
        UserError: when a set wants a split that is not declared, gets fewer samples than it asks for, or none.
    """
    order = stratified_order(available, labels, seed=seed)
    taken: set[int] = set()
    sets: dict[str, list[int]] = {}
    # Whoever takes the rest is served last.
    for name in sorted(wanted, key=lambda name: wanted[name][1] == "rest"):
        source, take = wanted[name]
        if source is not None:
            known = sorted(set(declared.tolist())) if declared is not None else []
            if unknown := sorted(set(source) - set(known)):
                raise UserError(
                    f"data.splits.{name}.source: the data declares no split {unknown[0]!r}; declares: {', '.join(known) or 'none'}"
                )
        eligible = [i for i in order if source is None or (declared is not None and declared[i] in source)]
        free = [i for i in eligible if i not in taken]
        count = len(free) if isinstance(take, str) else take if isinstance(take, int) else round(take * len(eligible))
        if count == 0 or count > len(free):
            raise UserError(f"data.splits.{name}: asks for {take} samples, {len(free)} are left of {len(eligible)}; take fewer")
        sets[name] = free[:count]
        taken.update(sets[name])
    return {name: sets[name] for name in wanted}


def check_classes(
    available: Sequence[int], labels: np.ndarray, classes: Sequence[str] | None, ids: Sequence[str], *, wanted: int = 2
) -> None:
    """Refuse a class that cannot be both calibrated with and judged.

    Args:
        available: sample numbers that may be used.
        labels: class of every sample, int [n].
        classes: their names.
        ids: of the samples.
        wanted: samples of each class, at least.

    Raises:
        UserError: naming the class and its sample.
    """
    counts: dict[int, list[int]] = {int(label): [] for label in np.unique(labels)}
    for i in available:
        counts[int(labels[i])].append(i)
    for label, members in sorted(counts.items()):
        if len(members) < wanted:
            name = repr(classes[label]) if classes else str(label)
            have = f"{len(members)} sample ({ids[members[0]]})" if members else "no sample"
            raise UserError(
                f"data.path: class {name} has {have} for calibration, tuning and evaluation; it needs {wanted} at least: add "
                "samples, or take the class out"
            )


def of(labels: np.ndarray | Mapping[str, np.ndarray] | None, members: Sequence[int]) -> np.ndarray | dict[str, np.ndarray] | None:
    """The labels of some samples: rows of one array, of several by name, or None when there are none."""
    if isinstance(labels, Mapping):
        return {name: array[members] for name, array in labels.items()}
    return None if labels is None else labels[members]


def check_disjoint(hashes: Mapping[str, Sequence[str]]) -> None:
    """Refuse sets that share content.

    Args:
        hashes: content hashes by set, the training samples among them when they are known.

    Raises:
        UserError: naming the sets and how many samples they share.
    """
    names = list(hashes)
    for i, one in enumerate(names):
        for other in names[i + 1 :]:
            if shared := set(hashes[one]) & set(hashes[other]):
                raise UserError(
                    f"data: {one} and {other} share {len(shared)} samples of the same content; separate them in data.splits, "
                    "or set data.duplicates to drop"
                )
