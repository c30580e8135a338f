"""How the mutation campaign has a file judged: as the stage `verify` and the command `audit` do, in each of their ways."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

from pipeline.cli import audit, scheme_detection
from pipeline.cli.campaign_files import File
from pipeline.equivalence import conversion_proof
from pipeline.equivalence.conversion_record import Conversion
from pipeline.errors import UserError
from pipeline.tflite import flatbuffer
from pipeline.verification import end_matching, judgement


class NotCompared(NamedTuple):
    """What the report must say in these words, and why it is not compared.

    `places`: outputs by name must be the same even so; `what`: what was done, where it is not everything.
    """

    words: str
    reason: str
    places: bool = False
    what: str = ""


@dataclass(frozen=True, kw_only=True)
class Attack:
    """A way of judging a file.

    Attributes:
        title: in words.
        takes: whether a file is one for it.
        judge: the report on the bytes given as a file, and what the file computes (None: not yet run).
        not_compared: what cannot be compared in a file that is judged so, by field and beginning of the role.
        tried: whether the file is run before, with XNNPACK and with built-in kernels alone, so that one which does not run is
            answered. Else it is only opened with both, as stage `predict` does, and run with XNNPACK.
        data: whether outputs are judged, too.
    """

    title: str
    takes: Callable[[File], bool]
    judge: Callable[[File, bytes, judgement.Outputs | None], Mapping[str, Any]]
    not_compared: Callable[[File], Mapping[tuple[str, str], NotCompared]] = lambda file: {}
    tried: bool = False
    data: bool = False


# Samples that tell where file and network can be cut, as in the stage `reference`.
_PARTS = 2
_project = cache(audit.limits)


def _is_clipped(file: File) -> bool:
    """Files that TFLiteConverter makes no good ones of: it gives the range of averages to what is averaged, and to all before it.
    The outputs of `shapes` have 12.6 dB so, and the judgement refuses them."""
    return file.network.name == "shapes" and file.engine == "converter" and file.scheme.startswith("static_wi8_ai8")


def as_float32(file: File, content: bytes, outputs: judgement.Outputs | None) -> dict[str, Any]:
    """The first link: the float32 file itself, as the converter made it. With outputs it has been run: part by part, too."""
    return judgement.judge(
        file.network.source,
        content,
        content,
        scheme="float32",
        io_dtype="float32",
        algorithm="none",
        measured=None,
        outputs=outputs,
        limits=_project(),
        conversion=None if outputs is None else _conversion(file, content),
    )


def _conversion(file: File, content: bytes) -> Conversion:
    """As the stage `reference` has it."""
    graph, samples = flatbuffer.read(content), file.network.samples
    rows = [{name: array[number : number + 1] for name, array in samples.items()} for number in range(_PARTS)]
    return conversion_proof.compare(file.network.opened, content, rows, generated=False, inputs=graph.inputs, outputs=graph.outputs)


def as_variant(file: File, content: bytes, outputs: judgement.Outputs | None) -> dict[str, Any]:
    """The second link, as the stage `verify` has it: beside a float32 file that is right."""
    return judgement.judge(
        file.network.source,
        file.network.float32,
        content,
        scheme=file.scheme,
        io_dtype=file.io_dtype,
        algorithm=file.algorithm,
        engine=file.engine,
        measured=file.network.measured if file.engine == "litert" else None,
        outputs=outputs,
        limits=_project(),
        proof=file.network.proof,
    )


def as_lone(file: File, content: bytes, outputs: judgement.Outputs | None) -> dict[str, Any]:
    """A file of which nothing is said, as the command `audit` has it."""
    network, opened = file.network, flatbuffer.opened(content)
    found = opened.graph
    scheme, how = scheme_detection.detect(found, judgement.BY_NAME)
    try:
        ways = end_matching.ways(found, network.source.signature, shapes=flatbuffer.end_shapes(opened))
    except ValueError as error:
        raise UserError(str(error)) from None
    ends, _ = judgement.pairing(network.source, network.float32, content, ways, proof=network.proof)
    io = () if scheme is None else judgement.BY_NAME[scheme].io_dtype
    report = judgement.judge(
        network.source,
        network.float32,
        content,
        scheme=scheme,
        io_dtype=io[0] if len(io) == 1 else None,
        algorithm=None,
        measured=None,
        outputs=outputs,
        limits=_project(),
        ends=ends,
        proof=network.proof,
    )
    return report | {"notes": [f"not told: {scheme}, {how}"]}


# What the judgement cannot compare where nobody knows the ranges of the activations: the converter calibrates by itself, and
# nothing is said of a lone file. A zero point follows from the range, as the scale does.
_RANGES = NotCompared("not compared: ranges", "ranges are measured on data, and it is not known on which: any scale may be right")
UNKNOWN_RANGES = {
    ("QuantizationParameters.scale", "activation"): _RANGES,
    ("QuantizationParameters.scale", "end"): _RANGES,
    ("QuantizationParameters.zeroPoint", "activation"): _RANGES,
    ("QuantizationParameters.zeroPoint", "end"): _RANGES,
    # That of another tensor of its dtype: another range.
    ("Tensor.quantization", "activation"): _RANGES._replace(what="another's"),
    ("Tensor.quantization", "end"): _RANGES._replace(what="another's"),
    # Two activations with each other's scales: those of constants are compared.
    ("SubGraph.tensors", ""): _RANGES._replace(what="swapped"),
    ("an activation rescaled with the biases", ""): _RANGES,
}
_MIXED = NotCompared("not told: mixed", "weights are brought to float32 for some operators and not for others: as sound")
_ORDER = NotCompared(
    "without the signature", "the network does not say in which order the plain interface has inputs and outputs", places=True
)
# Options of which nothing else in the file tells.
_HYBRID = NotCompared("asymmetricQuantizeInputs of the only operator", "either is right, by who made the file, which is not known")
_LONE = UNKNOWN_RANGES | {
    ("weights left as they are stored", ""): _MIXED,
    **{(f"{owner}.asymmetricQuantizeInputs", ""): _HYBRID for owner in ("FullyConnectedOptions", "BatchMatMulOptions")},
}
ATTACKS = {
    "float32": Attack(
        title="network → float32",
        takes=lambda file: file.scheme == "float32" and file.engine != "foreign",
        judge=as_float32,
        # The stage `reference` runs it.
        not_compared=lambda file: {("SubGraph.inputs", ""): _ORDER, ("SubGraph.outputs", ""): _ORDER},
        tried=True,
        data=True,
    ),
    "variant": Attack(
        title="float32 → variant",
        takes=lambda file: file.scheme != "float32" and file.engine != "foreign",
        judge=as_variant,
        not_compared=lambda file: {} if file.engine == "litert" else UNKNOWN_RANGES,
    ),
    "lone": Attack(title="lone file", takes=lambda file: True, judge=as_lone, not_compared=lambda file: _LONE, tried=True),
    "lone-data": Attack(
        title="lone file, with data",
        takes=lambda file: file.engine != "foreign" and not _is_clipped(file),
        judge=as_lone,
        not_compared=lambda file: _LONE,
        tried=True,
        data=True,
    ),
}
