"""Stage `select`: the variant to ship, why, why not each other one, and everything that ships with it."""

import hashlib
from pathlib import Path
from typing import Any

import msgspec

from pipeline import config, files, paths
from pipeline.errors import one_of, run
from pipeline.selection import bundle, decision, model_card, ranking, summary_row
from pipeline.tflite import flatbuffer, reference_kernels
from pipeline.tflite.targets import TARGETS

_NOT_COSTS = ("variant", "bytes")


def main() -> None:
    settings = config.read()
    options, accuracy = settings.select, files.read_json(paths.ACCURACY)
    if options.target is not None:
        one_of(options.target, TARGETS, where="select.target")
    models = {name: files.read_bytes(paths.variant_model(name)) for name in settings.variants}
    benchmarks = {name: files.read_json(paths.BENCHMARK_REPORTS / f"{name}.json") for name in models}
    verified = {name: files.read_json(paths.VERIFY_REPORTS / f"{name}.json") for name in models}
    rows = {name: summary_row.row(accuracy, verified[name], bytes=len(model)) for name, model in models.items()}
    candidates = {
        name: decision.candidate(
            rows[name], accuracy, name, which=options.drop_bound, latency_ms=benchmarks[name]["latency_median_ms"], faults=faults
        )
        for name, faults in ((name, _faults(model, options)) for name, model in models.items())
    }
    constraints = ranking.Constraints(
        max_drop=options.max_drop,
        bound=options.drop_bound,
        points=accuracy.get("points", True),
        max_bytes=options.max_bytes,
        max_latency_ms=options.max_latency_ms,
    )
    best, reasons = ranking.choose(candidates, constraints, objective=options.objective)
    decided = decision.explain(best, reasons, rows, accuracy, verified, options=msgspec.to_builtins(options))
    with files.replacing(paths.SELECTED) as folder:
        folder.mkdir()
        if best is not None:
            for name, content in _shipped(settings, best, models[best], decided, rows[best], accuracy).items():
                (folder / name).write_bytes(content)
            decided["sha256"] = hashlib.sha256(models[best]).hexdigest()
        files.write_json(folder / "decision.json", decided)
    conversion = [row["verified"] for name, row in rows.items() if settings.variants[name].scheme == "float32"]
    chosen = {} if best is None else rows[best]
    summary = {"selected": best, "conversion_verified": all(conversion) if conversion else None, **chosen, "variants": rows}
    files.write_json(paths.METRICS, summary)
    costs = {name: {key: value for key, value in row.items() if key not in _NOT_COSTS} for name, row in benchmarks.items()}
    files.write_json(paths.LATENCY, {**({} if best is None else costs[best]), "variants": costs})


def _faults(model: bytes, options: config.Select) -> list[str]:
    """Constraints that a file breaks by what stands in it."""
    graph = flatbuffer.read(model)
    floats = reference_kernels.float_tensors(graph) if options.integer_only else []
    faults = [f"not integer-only: {len(floats)} float tensors, such as {floats[0]}"] if floats else []
    if options.target is not None:
        faults += [f"{options.target} cannot run it: {reason}" for reason in TARGETS[options.target](graph)]
    return faults


def _shipped(
    settings: config.Config, best: str, model: bytes, decided: dict[str, Any], row: dict[str, Any], accuracy: dict[str, Any]
) -> dict[str, bytes]:
    split = files.read_json(paths.SPLIT)
    sha256 = hashlib.sha256(model).hexdigest()
    source = files.content_sha256(Path(settings.model.path))
    sections = {"model": settings.model, "data": settings.data, "convert": settings.convert, "calibrate": settings.calibrate}
    made_with: dict[str, Any] = {name: msgspec.to_builtins(section) for name, section in sections.items()}
    made_with |= {"variant": msgspec.to_builtins(settings.variants[best]), "versions": settings.versions, "seed": settings.seed}
    origin = bundle.provenance(made_with, best, split, model_sha256=source, file_sha256=sha256)
    tensors = bundle.io_tensors(flatbuffer.read(model))
    card = model_card.model_card(model_card.facts(origin, decided, row, accuracy, tensors, split=split, size=len(model)))
    return bundle.contents(model, classes=split["classes"], origin=origin, card=card)


if __name__ == "__main__":
    run(main)
