"""The model card of what is shipped, in Markdown."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.dataset.split_record import Split
from pipeline.evaluation.accuracy_report import Accuracy
from pipeline.selection import markdown
from pipeline.selection.decision_record import Decision
from pipeline.selection.phrases import amount, lower, upper
from pipeline.selection.provenance_record import Provenance

TEMPLATE = Path(__file__).parent / "templates" / "model_card.md.j2"


def model_card(facts: dict[str, Any]) -> str:
    """Fill in the template.

    Args:
        facts: what the template names; an unknown name is an error.
    """
    return markdown.environment().from_string(TEMPLATE.read_text(encoding="utf-8")).render(facts)


def facts(
    provenance: Provenance,
    decided: Decision,
    row: Mapping[str, Any],
    accuracy: Accuracy,
    tensors: Sequence[Mapping[str, Any]],
    *,
    split: Split,
    size: int,
) -> dict[str, Any]:
    """What the template names, figures as text.

    Args:
        provenance: of the file.
        decided: of `decision.explain`, with a selected variant.
        row: of `summary_row.row`.
        accuracy: reports/accuracy.json.
        tensors: of `bundle.io_tensors`.
        split: data/split.json.
        size: bytes of the file.
    """
    selected = decided.selected
    common: dict[str, Any] = {
        "provenance": provenance,
        "selected": selected,
        "sentence": decided.sentence,
        "sha256": provenance.file_sha256,
        "bytes": size,
        "classes": split.classes,
        "training_samples": split.training_samples,
        "tensors": tensors,
        "labelled": accuracy.labelled,
        "n": accuracy.n,
        "verified": row["verified"],
        "sqnr_db": "undefined" if row["sqnr_db"] is None else f"{row['sqnr_db']:.1f}",
        "max_abs_error": _shown(row["max_abs_error"]),
        "calibrated": provenance.variant.scheme.startswith("static"),
    }
    if accuracy.original is None or selected is None:
        return common
    measured, points = accuracy.variants[selected], bool(accuracy.points)

    unit = " points" if points else ""

    def difference(value: float | None) -> str:
        return "undefined" if value is None else f"{'−' if value < 0 else ''}{amount(abs(value), points=points)}{unit}"

    low, high = measured.interval or (None, None)
    return common | {
        "original": {name: _shown(value) for name, value in accuracy.original.metrics.items()},
        "measured": {name: _shown(value) for name, value in measured.metrics.items()},
        "primary_metric": accuracy.primary_metric,
        "drop": difference(measured.drop),
        "drop_low": "undefined" if low is None else f"{lower(low, points=points)}{unit}",
        "drop_high": "undefined" if high is None else f"{upper(high, points=points)}{unit}",
        "confidence": f"{100 * accuracy.confidence:g}",
        "method": measured.method,
        "verdict": decided.verdicts[selected],
        "detectable": None if measured.detectable is None else difference(measured.detectable),
        "variants": len(accuracy.variants),
        "basis": decided.basis,
        "correction": accuracy.correction,
    }


def _shown(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.4g}" if abs(value) < 1e-3 else f"{value:.4f}"
