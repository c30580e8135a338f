"""The form of reports/verify/V.json: what stage `verify` says of a variant, as it is written and as others read it.

The words are those of the functions that make them: `judgement.judge`, `output_checks.compare`, `certificate.certify`,
`divergence.diagnose`.
"""

from collections.abc import Mapping
from typing import Any, Literal

import msgspec


class _Record(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Every field is required, and no other is allowed."""


class Check(_Record, frozen=True):
    """One verdict; `output` is empty when it concerns the file as a whole, `value` is None when there is none."""

    name: str
    output: str
    value: float | None
    limit: float
    bound: Literal["at least", "at most"]
    passed: bool
    reason: str


class WorstSample(_Record, frozen=True):
    """A sample with its largest error in the output's own units, None when that is not finite."""

    id: str
    index: int
    max_error: float | None


class Figures(_Record, frozen=True):
    """How close one output of the file is to the network's (`fidelity.measure`), on `n` samples."""

    n: int
    finite: float
    max_abs_error: float | None
    mean_abs_error: float | None
    l2_error: float | None
    relative_l2: float | None
    cosine: float | None
    sqnr_db: float | None
    agreement: float | None
    peak: float | None
    rms: float | None
    mean_steps: float | None
    max_steps: float | None
    worst: tuple[WorstSample, ...]


class Fault(_Record, frozen=True):
    """Something wrong with the file, by the name of the check it fails."""

    check: Literal["file", "weights", "architecture", "layers", "scales", "signature", "format"]
    layers: tuple[str, ...]
    tensor: str | None
    reason: str


class Parameters(_Record, frozen=True):
    """Parameters of the network by what became of them, and the largest error of a quantized one in quantization steps."""

    total: int
    accounted: int
    share: float
    exact: int
    folded: int
    cast: int
    quantized: int
    rewritten: int
    absent: int
    missing: int
    wrong: int
    worst_step: float | None
    scales: str | None


class Variable(_Record, frozen=True):
    """A variable of the network, and the tensors of the file that hold it."""

    path: str
    parameters: int
    status: Literal["exact", "folded", "cast", "quantized", "rewritten", "absent", "missing", "wrong"]
    passed: bool
    reason: str
    tensors: tuple[str, ...]


class Constant(_Record, frozen=True):
    """A constant as an operator reads it: where it is from, and how far the file's is from it."""

    operator: str
    input: int
    layers: tuple[str, ...]
    variables: tuple[str, ...]
    elements: int
    transformation: str
    kind: Literal["exact", "folded", "cast", "quantized", "rewritten", "converter"]
    expected_tensor: str
    tensor: str | None
    dtype: str | None
    bits: int
    steps: float | None
    clipped: int | None
    rule: str | None
    max_error: float | None
    relative: float | None
    sqnr_db: float | None
    passed: bool
    reason: str


class Layer(_Record, frozen=True):
    """A layer of the network, and the operators (subgraph, operator) of the file that carry it."""

    path: str
    class_: str = msgspec.field(name="class")
    parameters: int
    operators: tuple[tuple[int, int], ...]
    calls: int
    how: Literal["present", "fused", "absent", "missing"]
    passed: bool
    reason: str


class SignatureRow(_Record, frozen=True):
    """A part of the signature beside the network's: a name, names, or a shape."""

    what: str
    expected: str | tuple[str | int, ...]
    found: str | tuple[str | int, ...]
    passed: bool


class FloatOperator(_Record, frozen=True):
    """An operator that computes in float between integers."""

    operator: str
    layers: tuple[str, ...]


class Operators(_Record, frozen=True):
    """Numbers of operators by name, in the float32 file and in the file in question."""

    float32: dict[str, int]
    file: dict[str, int]


class Macs(_Record, frozen=True):
    """Multiplications and additions of one inference, in the float32 file and in the file in question."""

    float32: int
    file: int


class Format(_Record, frozen=True):
    """Entries of constants and number of activations by dtype; dtype of inputs and outputs by name."""

    constants: dict[str, int]
    activations: dict[str, int]
    io_dtypes: dict[str, str]


class Certificate(_Record, frozen=True):
    """Everything that is said without running the file."""

    summary: str
    passed: bool
    faults: tuple[Fault, ...]
    parameters: Parameters
    variables: tuple[Variable, ...]
    tensors: tuple[Constant, ...]
    layers: tuple[Layer, ...]
    signature: tuple[SignatureRow, ...]
    operators: Operators
    macs: Macs
    format: Format
    float_operators: tuple[FloatOperator, ...]
    not_compared: tuple[str, ...]
    also: tuple[str, ...]


class DivergingOperator(_Record, frozen=True):
    """An operator of both files, with what it adds to the error, in decibels (None: no error).

    `expected_db`: what `sqnr_db` is in a sound file of these formats (None: not simulated, or no error).
    """

    operator: str
    layers: tuple[str, ...]
    tensor: str
    sqnr_db: float | None
    expected_db: float | None
    weight_db: float | None
    activation_db: float | None
    noise: float


class Excluded(_Record, frozen=True):
    """A layer to keep in float, its noise, and the tensors by which recipes name it."""

    layer: str
    noise: float
    tensors: tuple[str, ...]


class Divergence(_Record, frozen=True):
    """Where the files diverge, followed on `n` samples."""

    n: int
    operators: tuple[DivergingOperator, ...]
    first: DivergingOperator | None
    exclude_first: tuple[Excluded, ...]


class VerifyReport(_Record, frozen=True):
    """The whole report; there is no certificate of a file that could not be built."""

    variant: str
    scheme: str
    n: int
    passed: bool
    checks: tuple[Check, ...]
    outputs: dict[str, Figures]
    certificate: Certificate | None
    divergence: Divergence | None


def of(variant: str, judged: Mapping[str, Any]) -> VerifyReport:
    """The report on a variant.

    Args:
        variant: its name.
        judged: of `judgement.judge`.
    """
    return msgspec.convert({"variant": variant, **judged}, type=VerifyReport, strict=True)


def unrun(variant: str, scheme: str, reason: str, judged: Mapping[str, Any] | None) -> VerifyReport:
    """The report on a variant that could not be built or run: not verified, whatever its content says.

    Args:
        variant: its name.
        scheme: that was asked for.
        reason: what happened.
        judged: of `judgement.judge` without outputs; None when there is no file.
    """
    ran = {"name": "runs", "output": "", "value": 0.0, "limit": 1.0, "bound": "at least", "passed": False, "reason": reason}
    nothing: Mapping[str, Any] = {"scheme": scheme, "n": 0, "checks": [], "outputs": {}, "certificate": None, "divergence": None}
    known = nothing if judged is None else judged
    return of(variant, {**known, "passed": False, "checks": [ran, *known["checks"]]})
