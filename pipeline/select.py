"""Stage `select`: the variant to ship, why, why not each other one, and everything that ships with it."""

import hashlib
from pathlib import Path

import msgspec

from pipeline import config, files, paths
from pipeline.dataset.split_record import Split
from pipeline.errors import run
from pipeline.evaluation.accuracy_report import Accuracy
from pipeline.failures import failure_record
from pipeline.micro.simulation_report import Simulation
from pipeline.quantization.quantization_report import QuantizationReport
from pipeline.selection import (
    bundle,
    decision,
    decision_record,
    firmware,
    latency_report,
    metrics_report,
    model_card,
    ranking,
    summary_row,
    target_limits,
)
from pipeline.selection import provenance_record as origin
from pipeline.selection.benchmark_report import Benchmark
from pipeline.tflite import flatbuffer, reference_kernels
from pipeline.verification.verify_report import VerifyReport


def main() -> None:
    settings = config.read()
    options, accuracy = settings.select, files.read_record(paths.ACCURACY, Accuracy)
    names, failures = settings.variant_names, dict(accuracy.failures)
    built = [name for name in names if name not in failures or failures[name].failed != "quantize"]
    models = {name: files.read_bytes(paths.variant_model(name)) for name in built}
    verified = {name: files.read_record(paths.VERIFY_REPORTS / f"{name}.json", VerifyReport) for name in names}
    simulated = failure_record.results(paths.simulation, settings.simulation.variants, Simulation)[0]
    benchmarks, unmeasured = failure_record.results(paths.benchmark, names, Benchmark)
    failures = {**unmeasured, **failures}
    rows = {
        name: summary_row.row(
            accuracy,
            verified[name],
            bytes=len(models[name]) if name in models else None,
            simulated=simulated.get(name),
        )
        for name in names
    }
    candidates = {
        name: decision.candidate(
            rows[name],
            accuracy,
            name,
            which=options.drop_bound,
            budget=options.max_drop,
            latency_ms=benchmarks[name].latency_median_ms,
            faults=[
                *(_floats(models[name]) if options.integer_only else ()),
                *target_limits.faults(
                    simulated.get(name), max_arena_bytes=options.max_arena_bytes, max_flash_bytes=options.max_flash_bytes
                ),
            ],
        )
        for name in names
        if name not in failures
    }
    limits = ranking.Constraints(
        max_drop=options.max_drop,
        bound=options.drop_bound,
        points=accuracy.points is not False,
        max_bytes=options.max_bytes,
        max_latency_ms=options.max_latency_ms,
    )
    best, reasons = ranking.choose(candidates, limits, objective=options.objective)
    constraints = msgspec.convert(options, decision_record.Constraints, from_attributes=True)
    decided = decision.explain(
        best, reasons, rows, accuracy, verified, failures, objective=options.objective, constraints=constraints
    )
    conversion = [row["verified"] is True for name, row in rows.items() if verified[name].scheme == "float32"]
    summary = metrics_report.flat(
        metrics_report.Metrics(selected=best, conversion_verified=all(conversion) if conversion else None, variants=rows)
    )
    with files.replacing(paths.SELECTED) as folder:
        folder.mkdir()
        if best is not None:
            decided = msgspec.structs.replace(decided, sha256=hashlib.sha256(models[best]).hexdigest())
            for name, content in _shipped(settings, models[best], decided, rows[best], accuracy, simulated.get(best)).items():
                (folder / name).write_bytes(content)
        files.write_json(folder / "decision.json", msgspec.to_builtins(decided))
        # The same bytes as the file in git, of which DVC pushes none: with these in a remote, the stage is restored elsewhere.
        files.write_json(folder / paths.METRICS.name, summary)
    files.write_json(paths.METRICS, summary)
    timings = {name: msgspec.convert(row, latency_report.Timing, from_attributes=True) for name, row in benchmarks.items()}
    files.write_json(paths.LATENCY, latency_report.flat(latency_report.Latency(variants=timings), best))


def _floats(model: bytes) -> list[str]:
    """Why a file is not integer-only; nothing when it is."""
    floats = reference_kernels.float_tensors(flatbuffer.read(model))
    return [f"not integer-only: {len(floats)} float tensors, such as {floats[0]}"] if floats else []


def _shipped(
    settings: config.Config,
    model: bytes,
    decided: decision_record.Decision,
    row: metrics_report.Row,
    accuracy: Accuracy,
    simulated: Simulation | None,
) -> dict[str, bytes]:
    split, best = files.read_record(paths.SPLIT, Split), str(decided.selected)
    graph = flatbuffer.read(model)
    quantized = files.read_record(paths.variant_outcome(best), QuantizationReport)
    steps = msgspec.convert(settings.data.preprocess, list[origin.Step], from_attributes=True)
    made = origin.Provenance(
        file_sha256=str(decided.sha256),
        model=origin.Model(
            name=settings.model.name, path=settings.model.path, sha256=files.content_sha256(Path(settings.model.path))
        ),
        data=origin.Data(name=settings.data.name, preprocess=steps, sets=bundle.sample_sets(split)),
        convert=msgspec.convert(settings.convert, origin.Convert, from_attributes=True),
        calibrate=msgspec.convert(settings.calibrate, origin.Calibrate, from_attributes=True),
        variant=origin.Variant(name=best, **msgspec.structs.asdict(quantized.settings)),
        versions={library: version for library, version in settings.versions.items() if version is not None},
        seed=settings.seed,
    )
    tensors = bundle.io_tensors(graph)
    card = model_card.model_card(model_card.facts(made, decided, row, accuracy, tensors, split=split, size=len(model)))
    main = firmware.source(graph, simulated, network=settings.model.name, array=bundle.C_NAME)
    return bundle.contents(model, classes=split.classes, origin=made, card=card, main=main)


if __name__ == "__main__":
    run(main)
