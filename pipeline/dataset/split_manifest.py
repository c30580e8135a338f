"""The sets that data/split.json lists: which sample is in which set, by id and content."""

from collections.abc import Mapping, Sequence

import numpy as np

from pipeline.dataset.split_record import Sample, Set, Sets


def listing(
    sets: Mapping[str, Sequence[int]],
    *,
    ids: Sequence[str],
    hashes: Mapping[int, str],
    labels: np.ndarray | Mapping[str, np.ndarray] | None,
    classes: Sequence[str] | None,
) -> Sets:
    """For each set its number of samples, how many of each class, and the samples in order.

    Args:
        sets: sample numbers by set, of all sets that `Sets` names.
        ids: of every sample.
        hashes: content hash of every sample that is in a set.
        labels: of every sample; only those with one number for each are listed.
        classes: names of class indices; None when the labels are none.
    """
    figures = labels if isinstance(labels, np.ndarray) and labels.ndim == 1 else None

    def entry(i: int) -> Sample:
        return Sample(id=str(ids[i]), sha256=hashes[i], label=None if figures is None else figures[i].item())

    def histogram(members: Sequence[int]) -> dict[str, int] | None:
        if figures is None or not np.issubdtype(figures.dtype, np.integer):
            return None
        names = classes or [str(label) for label in range(int(figures.max()) + 1)]
        counts = np.bincount(figures[list(members)], minlength=len(names))
        return {name: int(counts[index]) for index, name in enumerate(names)}

    return Sets(
        **{
            name: Set(n=len(members), by_class=histogram(members), samples=[entry(i) for i in members])
            for name, members in sets.items()
        }
    )
