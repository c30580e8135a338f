"""How long one inference takes on this machine, and how much memory."""

import contextlib
import re
import resource
import sys
import time
from pathlib import Path

import numpy as np

from pipeline.runtime import runners
from pipeline.runtime.interpreter import open_model


def time_model(model: bytes, *, runs: int, warmup: int, threads: int) -> dict[str, float]:
    """Latency and memory of one inference on zeros; no kernel's time depends on the values.

    Args:
        model: .tflite file.
        runs: counted invocations.
        warmup: invocations before, not counted.
        threads: of the interpreter.

    Returns:
        `latency_first_ms`: opening the file and the first invocation, which allocates and prepares the kernels;
        `latency_median_ms`, `latency_p95_ms`; and `peak_memory_kb`: how far the peak of the resident memory rose above what
        Python, the libraries and the file's bytes took before. Call it in a fresh process.

    Raises:
        Impossible: when LiteRT cannot run the file.
    """
    _reset_peak()
    before = _peak_kb()
    begun = time.perf_counter_ns()
    runner = open_model(model, threads=threads)
    batch = {name: np.zeros(np.maximum(detail["shape"], 1), detail["dtype"]) for name, detail in runner.get_input_details().items()}
    try:
        runner(**batch)
    except runners.REFUSALS as error:
        raise runners.refusal(error, model) from None
    first = (time.perf_counter_ns() - begun) / 1e6
    for _ in range(warmup):
        runner(**batch)
    milliseconds = np.empty(runs)
    for i in range(runs):
        begun = time.perf_counter_ns()
        runner(**batch)
        milliseconds[i] = (time.perf_counter_ns() - begun) / 1e6
    return {
        "latency_first_ms": first,
        "latency_median_ms": float(np.median(milliseconds)),
        "latency_p95_ms": float(np.percentile(milliseconds, 95)),
        "peak_memory_kb": _peak_kb() - before,
    }


def _reset_peak() -> None:
    """Forget the peak so far, where the system allows it (Linux); importing the libraries has set one already."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def _peak_kb() -> float:
    status = Path("/proc/self/status")
    if status.exists():
        return float(re.search(r"VmHWM:\s+(\d+) kB", status.read_text())[1])  # type: ignore[index]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1024 if sys.platform == "darwin" else float(peak)
