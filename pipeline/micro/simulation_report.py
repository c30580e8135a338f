"""What reports/simulate/V.json holds."""

import msgspec


class Arena(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The memory that the interpreter needs beside the file, in bytes, as TensorFlow Lite Micro counts it on this machine.

    `persistent_bytes` (its tail) hold what lives as long as the interpreter: operators' data, tensors' descriptions.
    `reused_bytes` (its head) hold the tensors between operators at the moment when most of them are needed. Pointers take 8 bytes
    here and 4 on a microcontroller, where `persistent_bytes` is smaller; kernels other than TFLM's own may ask for more.
    """

    bytes: int
    persistent_bytes: int
    reused_bytes: int


class Difference(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How far one output is from another runtime's: the largest difference and the share of equal values.

    In steps of the output's quantization; for float outputs in its own unit.
    """

    largest: float
    equal: float


class Output(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One output of TFLM beside LiteRT's: `judged` are those that accuracy and verification saw, `kernels` those of LiteRT's own
    kernels, without XNNPACK, which rounds in another way."""

    unit: str
    judged: Difference
    kernels: Difference


class DifferingOperator(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An operator whose result TFLM computes otherwise than LiteRT does from the same inputs.

    `number` in the file, `tensor` it writes, `largest` difference in `unit`; `passed`: no more than a rounding.
    """

    number: int
    operator: str
    tensor: str
    largest: float
    unit: str
    passed: bool


class Simulation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One variant on TensorFlow Lite Micro.

    Attributes:
        variant: its name.
        version: of the package tflite-micro.
        passed: TFLM runs it, and computes what LiteRT computes.
        reason: why not, with TFLM's own words; None when it passed.
        samples: evaluation samples that were run.
        flash_bytes: of the file, which lies in flash. Interpreter and kernels come on top; the compiler decides on those.
        arena: None when TFLM refuses the file.
        resolver: the lines of C++ that make the operators known to a `MicroMutableOpResolver`.
        outputs: by name.
        compared: how many operators were compared one by one, and on the samples (numbers) whose outputs differ most.
        operators: those that differ.
        not_compared: operators (number and name) that could not be run alone.
    """

    variant: str
    version: str
    passed: bool
    reason: str | None
    samples: int
    flash_bytes: int
    arena: Arena | None
    resolver: list[str]
    outputs: dict[str, Output]
    compared: int
    worst: list[int]
    operators: list[DifferingOperator]
    not_compared: list[str]
