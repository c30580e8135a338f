"""The judgement of any pair of a network and a .tflite file.

python -m pipeline.cli.audit --model MODEL --tflite FILE [--data NPZ] [--scheme SCHEME] [--json]

Exit code 0: the file is the network; 1: it is not; 2: the question could not be answered (a file is missing or unreadable).
Without --data it judges weights, architecture, signature and formats; with it (one array for each input, by name) the outputs, too,
with the limits of the scheme that is given, or else found from the file's dtypes.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from pipeline import files
from pipeline.cli import scheme_detection
from pipeline.errors import UserError
from pipeline.runtime import interpreter
from pipeline.tflite import flatbuffer, layer_names
from pipeline.verification import float32_proof, judgement

# The limits are those of the pipeline.
_LIMITS = Path(__file__).parents[2] / "conf" / "verify" / "default.yaml"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True, help="the trained network")
    parser.add_argument("--tflite", type=Path, required=True, help="the file in question")
    parser.add_argument("--data", type=Path, help="real samples: an .npz with one array [n, ...] for each input, by name")
    parser.add_argument("--scheme", choices=sorted(judgement.BY_NAME), help="what the file is said to be; else its dtypes tell")
    parser.add_argument("--json", action="store_true", help="the whole report as JSON, as in reports/verify/, and notes")
    given = parser.parse_args()
    try:
        report = audit(given.model, given.tflite, data=given.data, scheme=given.scheme)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    print(json.dumps(report, indent=2, sort_keys=True, allow_nan=False) if given.json else text(report))
    sys.exit(0 if report["passed"] else 1)


def audit(model: Path, tflite: Path, *, data: Path | None = None, scheme: str | None = None) -> dict[str, Any]:
    """The judgement of `tflite` as `model` (`judgement.judge`), its outputs with it when there is data.

    Args:
        model: the trained network.
        tflite: the file in question.
        data: .npz with samples.
        scheme: what the file is said to be; None: found from its dtypes.

    Returns:
        The report, and `notes`: where the scheme is from, and what could not be compared.

    Raises:
        UserError: when a file is missing or cannot be read, or the data does not fit.
    """
    if not model.exists():
        raise UserError(f"--model: no such file: {model}")
    content = _read(tflite)
    found = flatbuffer.read(content)
    samples = None if data is None else _samples(data, found)
    notes = []
    if scheme is None:
        scheme, how = scheme_detection.detect(found, judgement.BY_NAME)
        notes.append(f"scheme {scheme}: {how}" if scheme else f"dtypes and outputs are not compared: {how}; say it with --scheme")
    # TensorFlow takes seconds to import: only now, when the rest is known to be readable.
    from pipeline.source import converter

    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "source"
        original = source(model, folder, found, batch=interpreter.free_batch(content))
        outputs = None if samples is None else _outputs(original, folder, content, samples)
        if samples is not None and outputs is None:
            notes.append("outputs are not compared: their names are not the network's")
        ends = () if scheme is None else judgement.BY_NAME[scheme].io_dtype
        report = judgement.judge(
            original,
            converter.convert_saved_model(folder),
            content,
            scheme=scheme,
            io_dtype=ends[0] if len(ends) == 1 else None,
            algorithm=None,
            measured=None,
            outputs=outputs,
            limits=limits(),
        )
    return {**report, "notes": notes}


def limits() -> judgement.Limits:
    """Those of the pipeline, conf/verify/default.yaml."""
    options = yaml.safe_load(_LIMITS.read_text(encoding="utf-8"))
    by_scheme = {scheme: row["agreement"] for scheme, row in options.pop("limits").items()}
    return judgement.Limits(agreement=by_scheme, **options)


def _read(tflite: Path) -> bytes:
    try:
        content = tflite.read_bytes()
        flatbuffer.read(content)
    except OSError:
        raise UserError(f"--tflite: no such file: {tflite}") from None
    except ValueError as error:
        raise UserError(f"--tflite: {tflite}: {error}") from None
    return content


def _samples(data: Path, found: flatbuffer.Graph) -> dict[str, np.ndarray]:
    try:
        samples = files.read_variables(data)
    except (OSError, ValueError) as error:
        raise UserError(f"--data: {data}: not readable as .npz ({error})") from None
    if set(samples) != set(found.inputs):
        given, wanted = ", ".join(sorted(samples)), ", ".join(sorted(found.inputs))
        raise UserError(f"--data: {data} has arrays {given}; the file's inputs are {wanted}")
    counts = {len(array) for array in samples.values()}
    if len(counts) != 1 or counts == {0}:
        raise UserError(f"--data: {data}: the inputs need the same number of samples, at least one")
    for name, array in samples.items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise UserError(f"--data: {data}: {name} holds NaN or infinity")
    return samples


def source(model: Path, folder: Path, found: flatbuffer.Graph | None = None, *, batch: int | None) -> float32_proof.Source:
    """The network exported to `folder` as the pipeline does it, and what the judgement needs of it.

    Lengths that the network leaves free are those of the file `found`.
    """
    from pipeline.custom import layers as custom
    from pipeline.source import inference_graph, loaders, network
    from pipeline.source.tensorflow_setup import SIGNATURE

    format, loaded = loaders.load(model, custom=custom.LAYERS)
    known = {} if found is None else {name: found.tensors[number].shape[1:] for name, number in found.inputs.items()}
    shapes = {name: list(shape) for name, shape in known.items() if name in loaded.inputs}
    inputs = network.fixed(loaded.inputs, shapes=shapes, batch=batch)
    results, _ = network.export(loaded, folder, inputs=inputs)
    graph, constants = inference_graph.read(folder, loaded.weights)
    return float32_proof.Source(
        graph=graph,
        constants=constants,
        weights=loaded.weights,
        layers=loaded.layers,
        signature={
            "key": SIGNATURE,
            "inputs": network.signature(network.in_float32(inputs)),
            "outputs": network.signature(results),
        },
        numbered=format in layer_names.NUMBERED,
    )


def _outputs(
    original: float32_proof.Source, folder: Path, content: bytes, samples: Mapping[str, np.ndarray]
) -> judgement.Outputs | None:
    """What the network, exported to `folder`, and the file make of the samples; None when their outputs have other names."""
    from pipeline.source import reference_run

    rows = list(reference_run.run_saved_model(folder, samples, batch=original.signature["inputs"][0]["shape"][0]))
    reference = {name: np.stack([row[name] for row in rows]) for name in rows[0]}
    predicted = interpreter.predict(content, samples, workers=1)
    if set(predicted) != set(reference):
        return None
    ids = [str(i) for i in range(len(rows))]
    return judgement.Outputs(samples=samples, ids=ids, reference=reference, predicted=predicted)


def text(report: Mapping[str, Any]) -> str:
    """The report as a readable table."""
    certified = report["certificate"]
    lines = ["PASSED" if report["passed"] else "NOT PASSED", certified["summary"], ""]
    lines += [_line(row) for row in report["checks"]]
    lines += [f"note {note}" for note in report["notes"]]
    if certified["layers"]:
        lines += ["", *_table(("layer", "class", "parameters", "in the file"), [_layer(row) for row in certified["layers"]])]
    tensors = [row for row in certified["tensors"] if row["variables"] or not row["passed"]]
    columns = ("tensor", "from", "how", "steps", "SQNR dB", "verdict")
    lines += ["", *_table(columns, [_tensor(row) for row in tensors])]
    for name, figures in report["outputs"].items():
        listed = ", ".join(f"{row['id']} ({row['max_error']:.3g})" for row in figures["worst"] if row["max_error"] is not None)
        lines += ["", f"{name}: {figures['n']} samples; largest errors: {listed or 'none'}"]
    if report["divergence"]:
        lines += ["", "keep in float first: " + ", ".join(row["layer"] for row in report["divergence"]["exclude_first"])]
    for fault in certified["faults"]:
        where = ", ".join(fault["layers"]) or fault["tensor"] or "the file"
        lines.append(f"FAULT {fault['check']}: {where}: {fault['reason']}")
    return "\n".join(lines)


def _line(row: Mapping[str, Any]) -> str:
    verdict = "--  " if row["passed"] and row["reason"].startswith("not compared") else "ok  " if row["passed"] else "FAIL"
    return f"{verdict} {row['name']}{' of ' + row['output'] if row['output'] else ''}: {row['reason']}"


def _layer(row: Mapping[str, Any]) -> tuple[str, ...]:
    return row["path"], row["class"], f"{row['parameters']:,}", row["reason"]


def _tensor(row: Mapping[str, Any]) -> tuple[str, ...]:
    sources = ", ".join(row["variables"]) or "–"
    steps = "–" if row["steps"] is None else f"{row['steps']:.2f}"
    sqnr = "–" if row["sqnr_db"] is None else f"{row['sqnr_db']:.1f}"
    return _short(row["tensor"] or row["expected_tensor"]), _short(sources), row["transformation"], steps, sqnr, row["reason"]


def _short(value: str) -> str:
    return value if len(value) <= 48 else f"{value[:45]}..."


def _table(columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> list[str]:
    widths = [max(len(row[i]) for row in [columns, *rows]) for i in range(len(columns))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in [columns, *rows]]


if __name__ == "__main__":
    main()
