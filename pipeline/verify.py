"""Stage `verify@V`: is the converted file still the network? The verdict is in the report; the stage itself always succeeds."""

import argparse
from typing import Any

import numpy as np

from pipeline import config, files, paths
from pipeline.errors import UserError, run
from pipeline.quantization import schemes
from pipeline.tflite import flatbuffer, layer_names
from pipeline.verification import certificate, divergence, output_checks, stored_values


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("variant")
    name = parser.parse_args().variant
    settings = config.read()
    config.require(settings, ["ai_edge_litert", "numpy"])
    variant = config.variant(settings, name)
    scheme = schemes.SCHEMES[variant.engine][variant.scheme]
    facts = files.read_json(paths.SOURCE_FACTS)
    graph, constants = files.read_graph(paths.SOURCE_GRAPH)
    source = certificate.Source(
        graph=graph,
        constants=constants,
        weights=files.read_variables(paths.SOURCE_WEIGHTS),
        layers=facts["layers"],
        signature=facts["signature"],
        numbered=facts["format"] in layer_names.NUMBERED,
    )
    float32, model = files.read_bytes(paths.FLOAT32), files.read_bytes(paths.variant_model(name))
    proof = certificate.prove(source, float32)
    proved = certificate.certify(
        source,
        proof,
        model,
        scheme=scheme,
        io_dtype=variant.io_dtype,
        algorithm=variant.algorithm,
        # TFLiteConverter calibrates by itself, on a graph of its own.
        measured=files.read_json(paths.RANGES)["bits"] if variant.reads.calibration == str(paths.RANGES) else None,
    )
    options, found = settings.verify, flatbuffer.read(model)
    figures, checks = output_checks.judge(
        *_outputs(name),
        float32=proof.graph,
        found=found,
        # A search may have chosen any; then the file itself tells.
        formats=stored_values.formats(found) if scheme.weights == "any" else (scheme.weights, scheme.activations),
        ids=[sample["id"] for sample in files.read_json(paths.SPLIT)["sets"]["evaluation"]["samples"]],
        rounding=options.rounding,
        margin_db=options.margin_db,
        agreement=options.limits[variant.scheme].agreement,
        worst=options.worst,
    )
    checks = proved.pop("checks") + checks
    passed = all(row["passed"] for row in checks)
    report: dict[str, Any] = {
        "variant": name,
        "scheme": variant.scheme,
        "n": next(iter(figures.values()))["n"],
        "passed": passed,
        "checks": checks,
        "outputs": figures,
        "certificate": proved,
        "divergence": None,
    }
    if model != float32 and (not passed or any(row["agreement"] not in (None, 1.0) for row in figures.values())):
        worst, batch = output_checks.worst(figures, count=options.divergence), facts["signature"]["batch"] or 1
        traces = divergence.traces(float32, model, files.read_samples(paths.EVALUATION), worst, batch=batch)
        report["divergence"] = divergence.diagnose(proof.graph, found, traces, proof.mapped.layers)
    files.write_json(paths.VERIFY_REPORTS / f"{name}.json", report)


def _outputs(name: str) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """The network's outputs on the evaluation samples, and the file's."""
    reference, predicted = files.read_arrays(paths.REFERENCE), files.read_arrays(paths.OUTPUTS / name)
    if set(reference) != set(predicted):
        raise UserError(f"variants.{name}: its outputs are {', '.join(predicted)}, the network's are {', '.join(reference)}")
    return reference, predicted


if __name__ == "__main__":
    run(main)
