"""LiteRT: running a .tflite file, and timing it."""

import contextlib
import itertools
import re
import resource
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from pipeline.lib.batches import batches
from pipeline.lib.errors import UserError

# Below this a sample costs less than Python's call, and a second thread only waits for the first.
_WORTH_A_THREAD_SECONDS = 50e-6


def open_model(model: bytes, *, threads: int = 1) -> Any:
    """The runner of the file's first signature: called with inputs by name, it returns outputs by name.

    Raises:
        UserError: when this interpreter cannot run the file, such as one with Select TF ops.
    """
    return _open(model, threads=threads)[1]


def _open(model: bytes, *, threads: int) -> tuple[Any, Any]:
    try:
        interpreter = Interpreter(model_content=model, num_threads=threads)
        interpreter.allocate_tensors()
        return interpreter, interpreter.get_signature_runner()
    except (ValueError, RuntimeError) as error:
        raise UserError(f"LiteRT cannot run the file: {str(error).splitlines()[0]}") from None


def quantized(values: np.ndarray, detail: Mapping[str, Any]) -> np.ndarray:
    """Real values in the dtype of a tensor: round(x / scale) + zero point, clipped to the dtype's range.

    Args:
        values: any shape; returned as they are when the tensor is not quantized.
        detail: the tensor's entry of `get_input_details`.
    """
    scale, zero_point = detail["quantization"]
    if scale == 0:
        return values.astype(detail["dtype"], copy=False)
    limits = np.iinfo(detail["dtype"])
    return np.clip(np.round(values.astype(np.float64) / scale) + zero_point, limits.min, limits.max).astype(detail["dtype"])


def real(values: np.ndarray, detail: Mapping[str, Any]) -> np.ndarray:
    """A tensor in real units: (q - zero point) * scale as float32. Any shape; as it is when the tensor is not quantized."""
    scale, zero_point = detail["quantization"]
    return values if scale == 0 else ((values.astype(np.float64) - zero_point) * scale).astype(np.float32)


def predict(
    model: bytes,
    samples: Mapping[str, np.ndarray],
    *,
    workers: int,
    store: Callable[[str, tuple[int, ...], np.dtype], np.ndarray] = lambda name, shape, dtype: np.empty(shape, dtype),
) -> dict[str, np.ndarray]:
    """The outputs of every sample in real units. State that the file keeps between calls (fused LSTM) is cleared before each.

    Args:
        model: .tflite file. A batch other than one is filled up with the last sample.
        samples: inputs [n, ...] by signature name, in real units.
        workers: interpreters of one thread each, if a sample is worth it; the result does not depend on it.
        store: makes the array for an output of a name, shape [n, ...] and dtype; memory-mapped ones keep memory flat.

    Returns:
        Outputs [n, ...] by signature name.

    Raises:
        UserError: when the file cannot be run, or its inputs are not those of `samples`.
    """
    count = len(next(iter(samples.values())))
    interpreter, first = _open(model, threads=1)
    if set(first.get_input_details()) != set(samples):
        raise UserError(f"the file's inputs are {', '.join(first.get_input_details())}, the data has {', '.join(samples)}")
    batch = _batch(first)
    results: dict[str, np.ndarray] = {}

    def run(interpreter: Any, runner: Any, share: Iterable[tuple[slice, dict[str, np.ndarray]]]) -> None:
        details_in, details_out = runner.get_input_details(), runner.get_output_details()
        for rows, inputs in share:
            interpreter.reset_all_variables()
            outputs = runner(**{name: quantized(array, details_in[name]) for name, array in inputs.items()})
            for name, output in outputs.items():
                values = real(output, details_out[name])
                if name not in results:
                    results[name] = store(name, (count, *values.shape[1:]), values.dtype)
                results[name][rows] = values[: rows.stop - rows.start]

    head = list(itertools.islice(batches(samples, batch=batch), 1))
    run(interpreter, first, head)  # the first call also allocates
    begun = time.perf_counter()
    run(interpreter, first, head)
    if workers > 1 and time.perf_counter() - begun > _WORTH_A_THREAD_SECONDS:
        with ThreadPoolExecutor(workers) as pool:
            shares = (batches(samples, batch=batch, first=1 + worker, every=workers) for worker in range(workers))
            for future in [pool.submit(run, *_open(model, threads=1), share) for share in shares]:
                future.result()
    else:
        run(interpreter, first, batches(samples, batch=batch, first=1))
    return results


def time_model(model: bytes, *, runs: int, warmup: int, threads: int) -> dict[str, float]:
    """Latency and memory of one inference on zeros; no kernel's time depends on the values.

    Args:
        model: .tflite file.
        runs: counted invocations.
        warmup: invocations before, not counted.
        threads: of the interpreter.

    Returns:
        `latency_median_ms`, `latency_p95_ms`, and `peak_memory_kb`: how far the peak of the resident memory rose above what
        Python, the libraries and the file's bytes took before. Call it in a fresh process.
    """
    _reset_peak()
    before = _peak_kb()
    runner = open_model(model, threads=threads)
    batch = {name: np.zeros(np.maximum(detail["shape"], 1), detail["dtype"]) for name, detail in runner.get_input_details().items()}
    for _ in range(warmup):
        runner(**batch)
    seconds = np.empty(runs)
    for i in range(runs):
        begun = time.perf_counter_ns()
        runner(**batch)
        seconds[i] = (time.perf_counter_ns() - begun) / 1e6
    return {
        "latency_median_ms": float(np.median(seconds)),
        "latency_p95_ms": float(np.percentile(seconds, 95)),
        "peak_memory_kb": _peak_kb() - before,
    }


def _batch(runner: Any) -> int:
    """The batch of the file; 1 where it is free."""
    return max(1, max(int(detail["shape_signature"][0]) for detail in runner.get_input_details().values()))


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
