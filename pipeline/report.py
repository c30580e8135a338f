"""Stage `report`: one page that opens offline, a summary in Markdown, the charts, and the same figures for `dvc plots`."""

from typing import Any

import msgspec

from pipeline import config, files, paths
from pipeline.dataset.split_record import Split
from pipeline.errors import run
from pipeline.evaluation.accuracy_report import Accuracy
from pipeline.failures import failure_record
from pipeline.quantization.ranges_record import Ranges
from pipeline.reporting import calibration_advice, dvc_plots, page, sections, tradeoff_chart
from pipeline.selection.benchmark_report import Benchmark
from pipeline.selection.decision_record import Decision
from pipeline.selection.metrics_report import Metrics
from pipeline.selection.provenance_record import Provenance
from pipeline.source.source_record import Source
from pipeline.verification.verify_report import VerifyReport


def main() -> None:
    settings = config.read()
    config.require(settings, ["matplotlib"])
    accuracy, metrics = files.read_record(paths.ACCURACY, Accuracy), files.read_record(paths.METRICS, Metrics)
    decision = files.read_record(paths.SELECTED / "decision.json", Decision)
    latency = failure_record.results(paths.benchmark, settings.variant_names, Benchmark)[0]
    verified = {name: files.read_record(paths.VERIFY_REPORTS / f"{name}.json", VerifyReport) for name in settings.variant_names}
    split, selected = files.read_record(paths.SPLIT, Split), decision.selected
    rows = {name: metrics.variants[name] for name in settings.variant_names}
    charts, description = tradeoff_chart.tradeoff(rows, accuracy, decision)
    names = {head: sections.class_names(entry, split.classes) for head, entry in accuracy.heads.items()}
    origin = paths.SELECTED / "provenance.json"
    ranges, pool = files.read_record(paths.RANGES, Ranges), split.sets.calibration
    context: dict[str, Any] = {
        "source": files.read_record(paths.SOURCE_FACTS, Source),
        "accuracy": accuracy,
        "percent": f"{100 * accuracy.confidence:g}",
        "methods": sorted({row.method for row in accuracy.variants.values() if row.method}),
        "rows": rows,
        "targeted": {name: row for name, row in rows.items() if "on_target" in row},
        "decision": decision,
        "verified": verified,
        "diverging": sections.diverging(verified),
        "changes": sections.changes(accuracy, split, files.read_samples(paths.EVALUATION), names=names)
        if accuracy.labelled
        else [],
        "per_class": sections.per_class(accuracy, selected, names=names) if accuracy.labelled else [],
        "latency": latency,
        "costs": sections.costs(latency),
        "ranges": ranges,
        "calibration": calibration_advice.advice(
            ranges.stability, samples=ranges.samples, pool=pool.n, classes=split.classes, by_class=pool.by_class
        ),
        "sets": msgspec.structs.asdict(split.sets),
        "provenance": files.read_record(origin, Provenance) if selected is not None else None,
        "charts": charts,
        "description": description,
    }
    with files.replacing(paths.PICTURES) as folder:
        folder.mkdir()
        for name, chart in charts.items():
            (folder / f"bytes_against_accuracy_{name}.svg").write_text(chart, encoding="utf-8", newline="\n")
    with files.replacing(paths.PLOTS) as folder:
        folder.mkdir()
        for name, text in dvc_plots.tables(rows, latency, verified, accuracy, decision, names).items():
            (folder / name).write_text(text, encoding="utf-8", newline="\n")
    files.write_text(paths.PAGE, page.html(context))
    files.write_text(paths.SUMMARY, page.markdown(context))


if __name__ == "__main__":
    run(main)
