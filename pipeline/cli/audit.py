"""The judgement of any pair of a network and a .tflite file.

python -m pipeline.cli.audit --model MODEL --tflite FILE [--data NPZ] [--scheme SCHEME] [--json]
                             [--inputs A=B ...] [--outputs A=B ...] [--trust-code]

Exit code 0: the file is the network; 1: it is not; 2: the question could not be answered (a file is missing or unreadable).
Without --data it judges weights, architecture, signature and formats; with it (one array for each input, by the network's names or
by the file's) the outputs, too, with the limits of the scheme that is given, or else found from the file's dtypes.

The file need not have the network's names, nor a signature: inputs and outputs are paired by what they are, and the pairing is part
of what is proved. --inputs and --outputs say it where it stays open, as NAME_IN_NETWORK=NAME_IN_FILE.
"""

import argparse
import dataclasses
import json
import sys
import zipfile
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import yaml

from pipeline.cli import audit_text, scheme_detection
from pipeline.dataset import npz_archive
from pipeline.equivalence.conversion_record import Conversion
from pipeline.errors import UserError, shown
from pipeline.runtime import interpreter, trial
from pipeline.system import boundary, disk, leftovers, watch
from pipeline.tflite import flatbuffer
from pipeline.verification import end_matching, float32_proof, judgement, signature_rows
from pipeline.verification.decisions import Decision

# The limits are those of the pipeline.
_CONF = Path(__file__).parents[2] / "conf"
_LIMITS = _CONF / "verify" / "default.yaml"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True, help="the trained network")
    parser.add_argument("--tflite", type=Path, required=True, help="the file in question")
    parser.add_argument("--data", type=Path, help="real samples: an .npz with one array [n, ...] for each input, by name")
    parser.add_argument("--scheme", choices=sorted(judgement.BY_NAME), help="what the file is said to be; else its dtypes tell")
    parser.add_argument("--decides", metavar="largest|THRESHOLD", help="how outputs decide; else decisions are not judged")
    for side in ("inputs", "outputs"):
        parser.add_argument(f"--{side}", nargs="+", default=(), metavar="NETWORK=FILE", help=f"which of the {side} is which")
    parser.add_argument(
        "--trust-code", action="store_true", help="run what the network's file holds or names: Python code, functions, operators"
    )
    parser.add_argument("--json", action="store_true", help="the whole report as JSON, as in reports/verify/, and notes")
    given = parser.parse_args()
    file_limits = yaml.safe_load((_CONF / "config.yaml").read_text(encoding="utf-8"))["limits"]
    try:
        with boundary.limits(**file_limits):
            report = audit(
                given.model,
                given.tflite,
                data=given.data,
                scheme=given.scheme,
                inputs=_pairs("inputs", given.inputs),
                outputs=_pairs("outputs", given.outputs),
                trust_code=given.trust_code,
                decision=_decision(given.decides),
            )
    except UserError as error:
        print(f"error: {shown(error)}", file=sys.stderr)
        sys.exit(2)
    text = json.dumps(report, indent=2, sort_keys=True, allow_nan=False) if given.json else audit_text.text(report)
    print(text, flush=True)  # a disk that is full is said here, not by the exit code of a verdict
    sys.exit(0 if report["passed"] else 1)


def _decision(given: str | None) -> Decision | None:
    if given is None or given == "largest":
        return None if given is None else Decision(kind="largest")
    try:
        threshold = float(given)
    except ValueError:
        threshold = float("nan")
    if not 0 < threshold < 1:
        raise UserError(f"--decides: got {given!r}; expected largest (a class for each) or a probability such as 0.5 (yes or no)")
    return Decision(kind="threshold", threshold=threshold, pair=True)


def _pairs(side: str, given: Sequence[str]) -> dict[str, str]:
    for pair in given:
        if not all(pair.partition("=")):
            raise UserError(f"--{side}: {pair!r} is no pair; write --{side} NAME_IN_NETWORK=NAME_IN_FILE")
    pairs = {pair.partition("=")[0]: pair.partition("=")[2] for pair in given}
    if len(pairs) < len(given):
        raise UserError(f"--{side}: a name of the network stands there twice")
    return pairs


def audit(
    model: Path,
    tflite: Path,
    *,
    data: Path | None = None,
    scheme: str | None = None,
    inputs: Mapping[str, str] | None = None,
    outputs: Mapping[str, str] | None = None,
    trust_code: bool = False,
    decision: Decision | None = None,
) -> dict[str, Any]:
    """The judgement of `tflite` as `model` (`judgement.judge`), its outputs with it when there is data.

    Args:
        model: the trained network.
        tflite: the file in question.
        data: .npz with samples.
        scheme: what the file is said to be; None: found from its dtypes.
        inputs, outputs: names of the file by those of the network, as far as they are known.
        trust_code: run Python bytecode that the network's file holds.
        decision: how the outputs decide; None: not said, and decisions are not compared.

    Returns:
        The report, and `notes`: where the scheme is from, which names differ, and what could not be compared.

    Raises:
        UserError: when a file is missing or cannot be read, the data does not fit, or inputs and outputs can be paired in too many
            ways.
    """
    if not model.exists():
        raise UserError(f"--model: no such file: {model}")
    content, opened = _read(tflite)
    found = opened.graph
    # What LiteRT cannot run is judged by its content alone.
    refused = trial.refusal(content)
    arrays = None if data is None else _arrays(data)
    notes = []
    if scheme is None:
        scheme, how = scheme_detection.detect(found, judgement.BY_NAME)
        notes.append(f"scheme {scheme}: {how}" if scheme else f"dtypes and outputs are not compared: {how}; say it with --scheme")
    with disk.temporary_folder() as temporary:
        said = {"inputs": inputs or {}, "outputs": outputs or {}, "trust_code": trust_code}
        reference, more = _reference(model, temporary, content, opened, said)
        original, ends = reference.source, reference.ends
        notes += more
        results = None
        if arrays is not None:
            samples = _samples(arrays, ends, original.signature["inputs"])
            if not refused:
                results, why = _outputs(original, reference.folder, content, samples, ends)
                notes += [why] if why else []
        if results is not None and decision is not None:
            results = dataclasses.replace(results, decisions=dict.fromkeys(results.reference, decision))
        io = () if scheme is None else judgement.BY_NAME[scheme].io_dtype
        judge = partial(
            judgement.judge,
            original,
            model=content,
            scheme=scheme,
            io_dtype=io[0] if len(io) == 1 else None,
            algorithm=None,
            measured=None,
            outputs=results,
            limits=limits(),
            ends=ends,
        )
        report = judge(float32=reference.float32, conversion=reference.conversion)
        if not refused and _is_float(found) and _other_operators(report, original, found, ends):
            # Another converter may write other operators for the same network: each can be run beside the network itself.
            from pipeline.cli import audit_network

            own = judge(float32=content, conversion=audit_network.conversion(reference.folder, original, content, ends))
            if own["passed"]:
                report = own
                notes.append("its operators are not those that this converter writes; each was run beside the network")
    if refused and report["passed"]:
        raise UserError(f"--tflite: {tflite}: {refused}; by its content it is the network")
    notes += [refused] if refused else []
    return {**report, "notes": [*notes, *signature_rows.changes(report["certificate"]["signature"])]}


class _Reference(NamedTuple):
    """The network exported to a folder, its float32 file, and which of the file's inputs and outputs are which of its own."""

    folder: Path
    source: float32_proof.Source
    float32: bytes
    ends: end_matching.Ends
    conversion: Conversion


def _reference(
    model: Path, folder: Path, content: bytes, opened: flatbuffer.File, said: Mapping[str, Any]
) -> tuple[_Reference, list[str]]:
    """What to lay the file beside: the network as it is read first, or as another Keras reads it if that fits better; and notes.

    `said`: options of `audit_network.export_like`.
    """
    # TensorFlow takes seconds to import: only now, when the rest is known to be readable.
    from pipeline.cli import audit_network
    from pipeline.source import converter

    found, shapes = opened.graph, flatbuffer.end_shapes(opened)

    def made(format: str) -> tuple[_Reference, int]:
        at = folder / format
        source, ways = audit_network.export_like(model, at, found, format=format, shapes=shapes, **said)
        float32 = converter.convert_saved_model(at)
        conversion = audit_network.conversion(at, source, float32)
        ends, faults = judgement.pairing(source, float32, content, ways, conversion)
        # Another Keras builds other operators; weights that differ are no reason to look for one.
        return _Reference(at, source, float32, ends, conversion), sum(fault["check"] == "architecture" for fault in faults)

    best, faults = made("auto")
    for other in audit_network.others(model) if faults else ():
        try:
            second, left = made(other)
        except UserError:
            continue  # that Keras cannot read it: the first reading stands
        if left < faults:
            return second, [f"the network was read as {other}: the file was made with that Keras"]
    return best, []


def _other_operators(
    report: Mapping[str, Any], original: float32_proof.Source, found: flatbuffer.Graph, ends: end_matching.Ends
) -> bool:
    """Whether a file is refused for its operators, and has the network's inputs and outputs.

    Where operators are the same, weights that differ are wrong: a run may not show it (what a dead unit reads).
    """
    names = [{entry["name"] for entry in original.signature[side]} for side in ("inputs", "outputs")]
    paired = [set(ends.inputs), set(ends.outputs)] == names
    paired &= [set(ends.inputs.values()), set(ends.outputs.values())] == [set(found.inputs), set(found.outputs)]
    return paired and any(fault["check"] == "architecture" for fault in report["certificate"]["faults"])


def _is_float(found: flatbuffer.Graph) -> bool:
    """Whether nothing of a file is quantized, or rounded to half precision."""
    tensors = [tensor for subgraph in found.subgraphs for tensor in subgraph.tensors]
    return not any(tensor.scales is not None or tensor.dtype == "float16" for tensor in tensors)


def limits() -> judgement.Limits:
    """Those of the pipeline, conf/verify/default.yaml."""
    options = yaml.safe_load(_LIMITS.read_text(encoding="utf-8"))
    return judgement.Limits(**options)


def _read(tflite: Path) -> tuple[bytes, flatbuffer.File]:
    _is_file("--tflite", tflite, "the .tflite file in it")
    with boundary.reading(tflite, kind="a .tflite file", key="--tflite"):
        content = tflite.read_bytes()
        try:
            return content, flatbuffer.opened(content)
        except ValueError as error:
            raise UserError(f"--tflite: {tflite}: {error}") from None


def _is_file(option: str, path: Path, instead: str) -> None:
    if not path.exists():
        raise UserError(f"{option}: no such file: {path}")
    if path.is_dir():
        raise UserError(f"{option}: {path} is a folder; name {instead}")


def _arrays(data: Path) -> dict[str, np.ndarray]:
    """The arrays of an .npz by the names they have there."""
    _is_file("--data", data, "one .npz file with an array for each input")
    with boundary.reading(data, kind=".npz", key="--data"), zipfile.ZipFile(data) as archive:
        arrays = {name: npz_archive.array(archive, name) for name in npz_archive.names(archive)}
    counts = {len(array) if array.ndim else 0 for array in arrays.values()}
    if len(counts) != 1 or counts == {0}:
        raise UserError(f"--data: {data}: the inputs need the same number of samples, at least one")
    for name, array in arrays.items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise UserError(f"--data: {data}: {name} holds NaN or infinity")
    return arrays


def _samples(
    arrays: Mapping[str, np.ndarray], ends: end_matching.Ends, signature: Sequence[Mapping[str, Any]]
) -> dict[str, np.ndarray]:
    """The samples by the network's names, in its dtypes."""
    names = [entry["name"] for entry in signature]
    if set(arrays) == set(names):
        samples = dict(arrays)
    elif set(arrays) == set(ends.inputs.values()) and set(ends.inputs) == set(names):
        samples = {ours: arrays[theirs] for ours, theirs in ends.inputs.items()}
    else:
        given, wanted, file = ", ".join(sorted(arrays)), ", ".join(sorted(names)), ", ".join(sorted(ends.inputs.values()))
        other = "" if file == wanted else f" (or, as in the file: {file})"
        raise UserError(f"--data: has arrays {given}; the network's inputs are {wanted}{other}")
    for entry in signature:
        array, lengths = samples[entry["name"]], entry["shape"][1:]
        if array.ndim != len(lengths) + 1 or any(b not in (None, a) for a, b in zip(array.shape[1:], lengths, strict=True)):
            raise UserError(f"--data: samples of {entry['name']} are {list(array.shape[1:])}; the network takes {lengths}")
        dtype = np.dtype(entry["dtype"])
        if array.dtype.kind != dtype.kind and not (array.dtype.kind in "iub" and dtype.kind == "f"):
            raise UserError(f"--data: {entry['name']} is {array.dtype}; the network takes {dtype}")
        samples[entry["name"]] = array.astype(dtype, copy=False)
    return samples


def _outputs(
    original: float32_proof.Source, folder: Path, content: bytes, samples: Mapping[str, np.ndarray], ends: end_matching.Ends
) -> tuple[judgement.Outputs | None, str | None]:
    """What the network, exported to `folder`, and the file make of the samples; or why that cannot be compared."""
    from pipeline.source import reference_run

    names = [entry["name"] for entry in original.signature["outputs"]]
    if set(ends.outputs) != set(names) or set(ends.inputs) != set(samples):
        return None, "outputs are not compared: the file has other inputs or outputs than the network"
    rows = list(reference_run.run_saved_model(folder, samples, batch=original.signature["inputs"][0]["shape"][0]))
    reference = {name: np.stack([row[name] for row in rows]) for name in rows[0]}
    made = interpreter.predict(content, {ends.inputs[name]: array for name, array in samples.items()}, workers=1)
    predicted = {name: made[ends.outputs[name]] for name in reference}
    for name, array in reference.items():
        if predicted[name].shape != array.shape:
            shapes = f"{list(predicted[name].shape[1:])}; the network's is {list(array.shape[1:])}"
            return None, f"outputs are not compared: the file's output for {name} is {shapes}"
    ids = [str(i) for i in range(len(rows))]
    return judgement.Outputs(samples=samples, ids=ids, reference=reference, predicted=predicted), None


if __name__ == "__main__":
    leftovers.own_folder()
    watch.run(main, refused=2)
