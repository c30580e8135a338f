"""Stage `verify@V`: is the converted file still the network? The verdict is in the report; the stage itself always succeeds."""

import argparse

import msgspec

from pipeline import config, files, paths
from pipeline.dataset.split_record import Split
from pipeline.equivalence.conversion_record import Conversion
from pipeline.errors import UserError, run
from pipeline.failures import failure_record
from pipeline.quantization.ranges_record import Ranges
from pipeline.source.source_record import Source
from pipeline.tflite import layer_names
from pipeline.verification import decisions, float32_proof, judgement, verify_report


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("variant")
    name = parser.parse_args().variant
    settings = config.read()
    config.require(settings, ["ai_edge_litert", "numpy"])
    variant = config.variant(settings, name)
    failure = failure_record.read(paths.OUTPUTS / name)
    if failure is not None and failure.failed == "quantize":
        _write(verify_report.unrun(name, variant.scheme, failure.sentence(), None))
        return
    facts = files.read_record(paths.SOURCE_FACTS, Source)
    graph, constants = files.read_graph(paths.SOURCE_GRAPH)
    source = float32_proof.Source(
        graph=graph,
        constants=constants,
        weights=files.read_variables(paths.SOURCE_WEIGHTS),
        layers=msgspec.to_builtins(facts.layers),
        signature=msgspec.to_builtins(facts.signature),
        numbered=facts.format in layer_names.NUMBERED,
    )
    options = settings.verify
    judged = judgement.judge(
        source,
        files.read_bytes(paths.FLOAT32),
        files.read_bytes(paths.variant_model(name)),
        scheme=variant.scheme,
        io_dtype=variant.io_dtype,
        algorithm=variant.algorithm,
        engine=variant.engine,
        # TFLiteConverter calibrates by itself, on a graph of its own.
        measured=files.read_record(paths.RANGES, Ranges).bits if variant.reads.calibration == str(paths.RANGES) else None,
        outputs=_outputs(name, settings.task) if failure is None else None,
        conversion=files.read_record(paths.CONVERSION, Conversion),
        limits=judgement.Limits(
            rounding=options.rounding,
            margin_db=options.margin_db,
            worst=options.worst,
            divergence=options.divergence,
        ),
    )
    if failure is None:
        _write(verify_report.of(name, judged))
    else:
        _write(verify_report.unrun(name, variant.scheme, failure.sentence(), judged))


def _write(report: verify_report.VerifyReport) -> None:
    files.write_json(paths.VERIFY_REPORTS / f"{report.variant}.json", msgspec.to_builtins(report))


def _outputs(name: str, task: config.Task) -> judgement.Outputs:
    """What the network and the file make of the evaluation samples."""
    reference, predicted = files.read_arrays(paths.REFERENCE), files.read_arrays(paths.OUTPUTS / name)
    if set(reference) != set(predicted):
        raise UserError(f"variants.{name}: its outputs are {', '.join(predicted)}, the network's are {', '.join(reference)}")
    heads = {head.output or next(iter(reference)): head for head in task.heads.values()}
    decided = {
        output: decisions.of_head(head.task_type.name, head.task_type.options, head.metrics) for output, head in heads.items()
    }
    return judgement.Outputs(
        samples=files.read_samples(paths.EVALUATION),
        ids=[sample.id for sample in files.read_record(paths.SPLIT, Split).sets.evaluation.samples],
        reference=reference,
        predicted=predicted,
        decisions={output: decision for output, decision in decided.items() if decision is not None},
    )


if __name__ == "__main__":
    run(main)
