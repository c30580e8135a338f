"""Stage `report`: one page that opens offline, a summary in Markdown, the pictures, and the same figures for `dvc plots`."""

from pathlib import Path
from typing import Any

import yaml

from pipeline import config
from pipeline.lib import choice, files, page, paths, pictures, plots, sections, stage_graph
from pipeline.lib.errors import run


def main() -> None:
    settings = config.read()
    config.require(settings, ["matplotlib"])
    accuracy, metrics = files.read_json(paths.ACCURACY), files.read_json(paths.METRICS)
    decision, latency = files.read_json(paths.SELECTED / "decision.json"), files.read_json(paths.LATENCY)["variants"]
    verified = {name: files.read_json(paths.VERIFY_REPORTS / f"{name}.json") for name in settings.variants}
    split, selected = files.read_json(paths.SPLIT), decision["selected"]
    rows = {name: metrics["variants"][name] for name in settings.variants}
    drawn, description = _pictures(rows, accuracy, decision)
    names = {head: sections.class_names(entry, split["classes"]) for head, entry in accuracy.get("heads", {}).items()}
    every = yaml.safe_load(paths.DVC.read_text(encoding="utf-8"))["stages"]
    stages = {name: stage for name, stage in every.items() if stage.get("foreach") != "${searches}" or settings.searches}
    graph = stage_graph.edges(stages, [variant.model_dump() for variant in settings.variants.values()])
    origin = paths.SELECTED / "provenance.json"
    context: dict[str, Any] = {
        "source": files.read_json(paths.SOURCE_FACTS),
        "accuracy": accuracy,
        "percent": f"{100 * accuracy['confidence']:g}",
        "methods": sorted({row["method"] for row in accuracy.get("variants", {}).values() if row["method"]}),
        "rows": rows,
        "decision": decision,
        "verified": verified,
        "diverging": sections.diverging(verified),
        "changes": sections.changes(accuracy, split, files.read_samples(paths.EVALUATION), names=names)
        if accuracy["labelled"]
        else [],
        "per_class": sections.per_class(accuracy, selected, names=names) if accuracy["labelled"] else [],
        "latency": latency,
        "costs": sections.costs(latency),
        "threads": next(iter(latency.values()))["threads"],
        "ranges": files.read_json(paths.RANGES),
        "split": split,
        "provenance": files.read_json(origin) if selected is not None else None,
        "pictures": drawn,
        "description": description,
        "graph": graph,
        "graph_svg": stage_graph.svg(
            graph, {name: len(rows) for name, stage in stages.items() if stage.get("foreach") == "${variants}"}
        ),
    }
    with files.replacing(paths.PICTURES) as folder:
        folder.mkdir()
        for name, picture in drawn.items():
            (folder / f"bytes_against_accuracy_{name}.svg").write_text(picture, encoding="utf-8", newline="\n")
    with files.replacing(paths.PLOTS) as folder:
        folder.mkdir()
        _write_plots(folder, context, names)
    files.write_text(paths.PAGE, page.html(context))
    files.write_text(paths.SUMMARY, page.markdown(context))


def _pictures(rows: dict[str, Any], accuracy: dict[str, Any], decision: dict[str, Any]) -> tuple[dict[str, str], str]:
    """The picture in two widths, and what it shows in words; nothing without a figure of the original network."""
    baseline = accuracy["original"]["metrics"][accuracy["deciding"]] if accuracy["labelled"] else None
    if baseline is None:
        return {}, ""
    metric, higher = accuracy["deciding"], accuracy["higher_is_better"]
    values = {name: (row["bytes"], row[metric] * (1 if higher else -1)) for name, row in rows.items() if row[metric] is not None}
    options = {
        "metric": metric,
        "baseline": baseline,
        "selected": decision["selected"],
        "front": choice.pareto(values),
        "budget": decision["max_drop"],
        "points": accuracy["points"],
        "higher_is_better": higher,
    }
    drawn = {name: pictures.bytes_against_accuracy(rows, **options, narrow=name == "narrow") for name in ("wide", "narrow")}
    told = [f"{name}: {row['bytes']:,} bytes, {metric} {page.number(row[metric])}" for name, row in rows.items()]
    told += [f"Pareto front: {', '.join(options['front'])}"]
    return drawn, f"{metric} against bytes. Original: {page.number(baseline)}. {'; '.join(told)}."


def _write_plots(folder: Path, context: dict[str, Any], names: dict[str, Any]) -> None:
    """What the `plots` of dvc.yaml read."""
    accuracy, selected = context["accuracy"], context["decision"]["selected"]
    files.write_json(
        folder / "tradeoff.json", plots.tradeoff(context["rows"], accuracy["deciding"] if accuracy["labelled"] else None)
    )
    files.write_json(folder / "latency.json", plots.latency(context["latency"]))
    files.write_json(folder / "divergence.json", plots.divergence(context["verified"]))
    decided = [
        head for head, entry in accuracy.get("heads", {}).items() if entry["kind"] in ("classification", "binary") and names[head]
    ]
    found = accuracy["heads"][decided[0]]["variants"][selected].get("confusion", []) if decided and selected else []
    files.write_text(folder / "confusion.csv", plots.confusion(found, names[decided[0]] if decided else []))


if __name__ == "__main__":
    run(main)
