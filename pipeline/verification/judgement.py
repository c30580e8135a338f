"""The one judgement of a .tflite file: is it the network it was made from, by its content and by what it computes?

Stage `verify` and the command `audit` read files and write the report; what is in it is decided here.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from pipeline.equivalence.conversion_record import Conversion
from pipeline.quantization.schemes import SCHEMES, Scheme
from pipeline.runtime import interpreter
from pipeline.tflite import flatbuffer
from pipeline.tflite.flatbuffer import Graph
from pipeline.verification import (
    activation_noise,
    activation_scales,
    also_in_file,
    certificate,
    conditioning,
    divergence,
    end_matching,
    expected_noise,
    fidelity,
    file_format,
    float32_proof,
    graph_alignment,
    output_checks,
    output_limits,
)
from pipeline.verification.decisions import Decision
from pipeline.verification.expected_noise import Simulation

# What is judged (dtypes) is the same in every engine that has the scheme.
# Samples on which the float32 file is run to see the ranges of its tensors.
RANGE_SAMPLES = 8
# Algorithms that choose other scales than the largest weight's; None: not said.
_SEARCHED = ("mse", "octav", None)
BY_NAME: dict[str, Scheme] = SCHEMES["litert"] | SCHEMES["converter"]


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Limits of the outputs, as in conf/verify/.

    Attributes:
        rounding: float files may be off by so many times the accumulated rounding.
        margin_db: quantized files may lie so far below the expected SQNR.
        worst: how many samples to list for each output.
        divergence: on how many samples to follow a file that differs, operator by operator.
    """

    rounding: float
    margin_db: float
    worst: int
    divergence: int


@dataclass(frozen=True, kw_only=True)
class Outputs:
    """What network and file make of the same samples.

    Attributes:
        samples: inputs [n, ...] by name; `ids`: of the samples, n.
        reference: the network's outputs [n, ...] by name.
        predicted: the file's, in real units, the same names and shapes.
        decisions: how outputs decide, by name; those that are left out decide nothing.
    """

    samples: Mapping[str, np.ndarray]
    ids: Sequence[str]
    reference: Mapping[str, np.ndarray]
    predicted: Mapping[str, np.ndarray]
    decisions: Mapping[str, Decision] = field(default_factory=dict)


def judge(
    source: float32_proof.Source,
    float32: bytes,
    model: bytes,
    *,
    scheme: str | None,
    io_dtype: str | None,
    algorithm: str | None,
    engine: str | None = None,
    measured: Mapping[str, activation_scales.Ranges] | None,
    outputs: Outputs | None,
    limits: Limits,
    ends: end_matching.Ends | None = None,
    conversion: Conversion | None = None,
    proof: float32_proof.Proof | None = None,
) -> dict[str, Any]:
    """The report on one file.

    Args:
        source: the network.
        float32: a file without quantization, made from the network.
        model: the file in question; it may be `float32` itself.
        scheme: key of `BY_NAME`: what the file is meant to be; None: not known. Then dtypes are not compared, and of the outputs
            only that they are finite: no limit is known for them.
        io_dtype: dtype of inputs and outputs it is meant to have; None: not said.
        algorithm: how its scales were chosen; None: not said.
        engine: key of `schemes.SCHEMES` that made it; None: not said.
        measured: `bits` of models/ranges.json, of which the scales of its activations were made; None: not known.
        outputs: on real samples; None: not judged.
        limits: of the outputs.
        ends: what inputs and outputs are called in a file that need not have the network's names; None: it must.
        conversion: of `float32`, what running it beside the network showed; None: it was not run.
        proof: of `float32`, where many files are judged beside the same one; None: it is proved here.

    Returns:
        `scheme`; `n` samples (0 without outputs); `passed`, and `checks` with `name`, `output`, `value`, `limit`, `bound`, `passed`
        and `reason`; `outputs` (figures by output, of `output_checks.compare`); `certificate` (of `certificate.certify`);
        `divergence` (of `divergence.diagnose`), None unless the file is another than the float32 one and fails or changes a
        decision.
    """
    file = flatbuffer.opened(model)
    found = file.graph
    proof = float32_proof.prove(source, float32, conversion, ends if model == float32 else None) if proof is None else proof
    certified = certificate.certify(
        source,
        proof,
        file,
        scheme=None if scheme is None else BY_NAME[scheme],
        io_dtype=io_dtype,
        algorithm=algorithm,
        engine=engine,
        measured=measured,
        ends=ends,
    )
    if model == float32:
        certified["also"] = list(dict.fromkeys([*certified["also"], *also_in_file.orders(file.graph)]))
    found = found if ends is None else end_matching.renamed(found, ends, like=proof.graph)
    figures: dict[str, Any] = {}
    checks = certified.pop("checks")
    checks.append(activation_ranges(source, proof.graph, found, float32, outputs=outputs))
    noise: Simulation | str = "no scheme"
    if outputs is not None:
        if scheme is not None and model != float32:
            noise = _simulated(source, float32, proof.graph, found, outputs, algorithm=algorithm)
        # Only a file that is the network by its content can tell how the network moves.
        certain = model == float32 and all(row["passed"] for row in checks)
        moves = partial(conditioning.moves, float32, outputs.samples) if certain else None
        figures, more = compare(outputs, float32=proof.graph, found=found, scheme=scheme, limits=limits, noise=noise, moves=moves)
        checks += more
    passed = all(row["passed"] for row in checks)
    changed = any(row["agreement"] not in (None, 1.0) for row in figures.values())
    diagnosis = None
    if figures and outputs is not None and model != float32 and (changed or not passed):
        worst = output_checks.worst(figures, count=limits.divergence)
        simulated = noise.model if isinstance(noise, Simulation) else None
        traces = divergence.traces(float32, model, outputs.samples, worst, batch=_batch(source), ends=ends, simulated=simulated)
        diagnosis = divergence.diagnose(proof.graph, found, traces, proof.mapped.layers)
    return {
        "scheme": scheme,
        "n": next((row["n"] for row in figures.values()), 0),
        "passed": passed,
        "checks": checks,
        "outputs": figures,
        "certificate": certified,
        "divergence": diagnosis,
    }


def activation_ranges(
    source: float32_proof.Source,
    expected: Graph,
    found: Graph,
    float32: bytes,
    *,
    outputs: Outputs | None,
) -> dict[str, Any]:
    """The check of the ranges of quantized activations on samples; where ranges were measured, `scales` compares them exactly.

    Args:
        source, float32, outputs: as in `judge`.
        expected: `float32` read.
        found: the file in question.
    """
    row = {"name": "activation ranges", "output": "", "value": 0.0, "limit": 0.0, "bound": "at most", "passed": True}
    if not activation_noise.quantized(found):
        return row | {"reason": "no activation is quantized"}
    if outputs is None:
        return row | {"value": None, "reason": "not compared: needs real samples (--data)"}
    count = len(outputs.ids)
    numbers = fidelity.evenly(count, RANGE_SAMPLES).tolist()
    batch = _batch(source)
    traces = (
        interpreter.trace(float32, {name: np.asarray(array[[number] * batch]) for name, array in outputs.samples.items()})
        for number in numbers
    )
    aligned = graph_alignment.align(expected, found)
    judged = activation_noise.judge(expected, found, aligned.tensors, traces)
    if not judged.faults:
        return row | {"reason": f"{judged.tensors} tensors hold what flows through them on {len(numbers)} samples"}
    name, reason = judged.faults[0]
    more = f" (and {len(judged.faults) - 1} more)" if judged.faults[1:] else ""
    return row | {"value": float(len(judged.faults)), "passed": False, "reason": f"{name}: {reason}{more}"}


def pairing(
    source: float32_proof.Source,
    float32: bytes,
    model: bytes,
    ways: Sequence[end_matching.Ends],
    conversion: Conversion | None = None,
    *,
    proof: float32_proof.Proof | None = None,
) -> tuple[end_matching.Ends, list[dict[str, Any]]]:
    """Of the ways to pair inputs and outputs of file and network, the one that leaves the fewest faults; and these (`certify`).

    `conversion` and `proof`: of `float32`, as in `judge`.
    """
    proof = float32_proof.prove(source, float32, conversion) if proof is None else proof
    file = flatbuffer.opened(model)
    best: tuple[end_matching.Ends, list[dict[str, Any]]] | None = None
    for ends in ways:
        found = certificate.certify(source, proof, file, scheme=None, io_dtype=None, algorithm=None, ends=ends)["faults"]
        if best is None or len(found) < len(best[1]):
            best = ends, found
        if not found:
            break
    if best is None:
        raise ValueError("no way to pair the inputs and outputs was given")
    return best


def compare(
    outputs: Outputs,
    *,
    float32: Graph,
    found: Graph,
    scheme: str | None,
    limits: Limits,
    noise: Simulation | str,
    moves: Callable[[np.ndarray], Mapping[str, np.ndarray]] | None = None,
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The part of the judgement that concerns the outputs: figures by output, and checks (`output_checks.compare`).

    Args:
        outputs: of network and file.
        float32, found: the float32 file, and the file in question.
        scheme, limits: as in `judge`.
        noise: of the file's formats, or why it is not known.
        moves: of `output_checks.compare`.
    """
    allowance = None
    if scheme is not None:
        facts = BY_NAME[scheme]
        # A search may have chosen any; then the file itself tells.
        weights, activations = file_format.narrowest(found) if facts.weights == "any" else (facts.weights, facts.activations)
        allowance = output_limits.Allowance(
            weights=weights,
            activations=activations,
            rounding=limits.rounding,
            margin_db=limits.margin_db,
        )
    return output_checks.compare(
        outputs.reference,
        outputs.predicted,
        float32=float32,
        found=found,
        allowance=allowance,
        decisions=outputs.decisions,
        noise=noise,
        moves=moves,
        ids=outputs.ids,
        worst=limits.worst,
    )


def _simulated(
    source: float32_proof.Source, float32: bytes, expected: Graph, found: Graph, outputs: Outputs, *, algorithm: str | None
) -> Simulation | str:
    """What the formats of `found` cost the network on these samples."""
    return expected_noise.simulate(
        float32,
        expected,
        found,
        outputs.samples,
        outputs.reference,
        expected_noise.numbers(expected, len(outputs.ids)),
        batch=_batch(source),
        # Scales that were searched cut large weights off on purpose, which the certificate judges.
        own_weights=algorithm in _SEARCHED,
    )


def _batch(source: float32_proof.Source) -> int:
    """Samples that the files take at once; 1 where that is free."""
    return source.signature["inputs"][0]["shape"][0] or 1
