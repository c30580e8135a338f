"""What reports/benchmark/V.json holds.

It stands here and not in runtime/, which is a dep of `calibrate` and `predict` as a whole.
"""

import msgspec


class ReferenceKernels(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How often each type of operator runs on a reference kernel, and why; None when there is none."""

    operators: dict[str, int]
    reason: str | None


class Machine(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The machine that measured, as `pipeline.runtime.host` describes it."""

    processor: str
    cores: int
    architecture: str
    system: str
    python: str


class Benchmark(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one inference of a variant costs on the machine that measured it, with `threads` in `runs` counted calls.

    `compressed_bytes` is the size of the file after zlib, `macs` the multiply-accumulates of one inference, `operators` how often
    each type occurs, `latency_first_ms` opening the file and the first call, `peak_memory_kb` how far the process grew.
    """

    variant: str
    bytes: int
    compressed_bytes: int
    threads: int
    runs: int
    macs: int
    macs_by_operator: dict[str, int]
    operators: dict[str, int]
    reference_kernels: ReferenceKernels
    latency_first_ms: float
    latency_median_ms: float
    latency_p95_ms: float
    peak_memory_kb: float
    machine: Machine
