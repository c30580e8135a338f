"""What the sections of the report show, gathered from the other stages' files."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np

from pipeline.dataset.split_record import Split
from pipeline.evaluation.accuracy_report import Accuracy, Head
from pipeline.reporting import thumbnails
from pipeline.selection.benchmark_report import Benchmark
from pipeline.verification.verify_report import DivergingOperator, VerifyReport

# As many samples that changed their decision are shown for each variant.
SHOWN = 24


def class_names(head: Head, classes: Sequence[str] | None) -> list[str] | None:
    """Names for a head's classes: the data's when there are as many, numbers otherwise; None when it has none."""
    confusion, per_class = head.original.confusion, head.original.per_class
    if confusion is not None:
        count = len(confusion)
    elif per_class is not None:
        count = len(per_class["support"])
    else:
        return None
    return list(classes) if classes is not None and len(classes) == count else [str(number) for number in range(count)]


def changes(
    accuracy: Accuracy,
    split: Split,
    inputs: Mapping[str, np.ndarray],
    *,
    names: Mapping[str, list[str] | None],
) -> list[dict[str, Any]]:
    """Changed predictions: for each head and variant the samples whose decision flipped, and what that did to the confusion.

    Args:
        accuracy: reports/accuracy.json, labelled.
        split: data/split.json.
        inputs: evaluation inputs [n, ...] by name.
        names: of `class_names`, by head.

    Returns:
        A row for each head and variant that decides: `head`, `variant`, `flips`, how many of them `lost` and `won` the right
        answer, `difference` [c][c] of the confusion matrices (None when nothing changed) and `shown`: the first samples with
        `id`, `label`, `before`, `after` and `image` (a data: address, or None when the input is no picture).
    """
    shaped = [array for array in inputs.values() if thumbnails.is_image(array.shape[1:])]
    images: dict[int, str] = {}  # several variants may change the same sample

    def image(number: int) -> str | None:
        if len(shaped) != 1:
            return None
        if number not in images:
            images[number] = _image(shaped[0], number)
        return images[number]

    ids = [sample.id for sample in split.sets.evaluation.samples]
    rows = []
    for head, entry in accuracy.heads.items():
        named = names[head]
        for variant, found in entry.variants.items():
            if found.flips is None:
                continue
            flips, before, after = found.flips, entry.original.confusion, found.confusion
            changed = bool(flips) and before is not None and after is not None
            rows.append(
                {
                    "head": head,
                    "variant": variant,
                    "flips": len(flips),
                    "lost": sum(flip.before == flip.label for flip in flips),
                    "won": sum(flip.after == flip.label for flip in flips),
                    "difference": (np.array(after) - np.array(before)).tolist() if changed else None,
                    "names": named,
                    "shown": [
                        {
                            "id": ids[flip.sample],
                            "image": image(flip.sample),
                            **{
                                key: str(number) if named is None else named[number]
                                for key, number in (("label", flip.label), ("before", flip.before), ("after", flip.after))
                            },
                        }
                        for flip in flips[:SHOWN]
                    ],
                }
            )
    return rows


def per_class(accuracy: Accuracy, selected: str | None, *, names: Mapping[str, list[str] | None]) -> list[dict[str, Any]]:
    """Figures of each class, of the original network and the selected variant: a table for each head that has them."""
    tables = []
    for head, entry in accuracy.heads.items():
        before = entry.original.per_class
        after = entry.variants[selected].per_class if selected is not None else None
        if before is None:
            continue
        support = before["support"]
        named = names[head] or [str(number) for number in range(len(support))]
        figures = [name for name in before if name != "support"]
        tables.append(
            {
                "head": head,
                "figures": figures,
                "rows": [
                    {
                        "name": named[i],
                        "support": support[i],
                        "values": [(before[name][i], None if after is None else after[name][i]) for name in figures],
                    }
                    for i in range(len(support))
                ],
            }
        )
    return tables


def costs(latency: Mapping[str, Benchmark]) -> list[dict[str, Any]]:
    """Rows of reports/benchmark/ with the length of each bar as a percentage of the longest."""
    longest = max((row.latency_p95_ms for row in latency.values()), default=0.0)
    return [
        {
            "median_width": 100 * row.latency_median_ms / longest,
            "p95_width": 100 * row.latency_p95_ms / longest,
            **msgspec.structs.asdict(row),
        }
        for row in latency.values()
    ]


def diverging(verified: Mapping[str, VerifyReport]) -> list[dict[str, Any]]:
    """SQNR by layer of each variant that verification followed operator by operator, worst first, with a bar of 100 % at the best.

    Args:
        verified: reports/verify/V.json by variant.
    """
    tables = []
    for variant, report in verified.items():
        rows = operators(report)
        known = [row.sqnr_db for row in rows if row.sqnr_db is not None]
        if not rows:
            continue
        best = max([*known, 1.0])
        tables.append(
            {
                "variant": variant,
                "rows": [
                    {
                        **msgspec.structs.asdict(row),
                        "width": 100.0 if row.sqnr_db is None else 100 * max(row.sqnr_db, 0.0) / best,
                    }
                    for row in sorted(rows, key=lambda row: (row.sqnr_db is None, row.sqnr_db or 0.0))
                ],
            }
        )
    return tables


def operators(report: VerifyReport) -> tuple[DivergingOperator, ...]:
    """The operators that verification followed, in the network's order; empty when it did not."""
    return report.divergence.operators if report.divergence else ()


def _image(samples: np.ndarray, number: int) -> str:
    sample = np.asarray(samples[number])
    return thumbnails.data_uri(sample, low=float(sample.min()), high=float(sample.max()))
