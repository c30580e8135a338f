"""LiteRT: running a .tflite file, and timing it."""

import contextlib
import re
import resource
import sys
import time
import warnings
from collections.abc import Mapping, Sequence
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
    try:
        return Interpreter(model_content=model, num_threads=threads).get_signature_runner()
    except (ValueError, RuntimeError) as error:
        raise UserError(f"LiteRT cannot run the file: {str(error).splitlines()[0]}") from None


def free_batch(model: bytes) -> int | None:
    """The batch of the file's first signature, None where it is free."""
    lengths = [detail["shape_signature"] for detail in open_model(model).get_input_details().values()]
    first = {int(length[0]) for length in lengths if len(length)}
    return None if not first or -1 in first else first.pop()


def trace(model: bytes, sample: Mapping[str, np.ndarray]) -> dict[int, np.ndarray]:
    """Every tensor of the signature's own subgraph after one inference, in real units.

    Args:
        model: .tflite file.
        sample: inputs by signature name, with a batch dimension, in real units.

    Returns:
        float64 (or the stored dtype when it is no number in real units) by tensor number; tensors that hold no values are left out.
    """
    with warnings.catch_warnings():
        # Keeping all tensors is for debugging, which is what this is.
        warnings.filterwarnings("ignore", message=".*experimental_preserve_all_tensors.*")
        interpreter = Interpreter(model_content=model, experimental_preserve_all_tensors=True)
    runner = interpreter.get_signature_runner()
    details = runner.get_input_details()
    runner(**{name: quantized(array, details[name]) for name, array in sample.items()})
    found = {}
    for detail in interpreter.get_tensor_details():
        try:
            values = interpreter.get_tensor(detail["index"])
        except ValueError:  # a tensor no operator of this run has filled
            continue
        found[detail["index"]] = real(values, detail)
    return found


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


def predict(model: bytes, samples: Mapping[str, np.ndarray], *, workers: int) -> dict[str, np.ndarray]:
    """The outputs of every sample in real units.

    Args:
        model: .tflite file. A batch other than one is filled up with the last sample.
        samples: inputs [n, ...] by signature name, in real units.
        workers: interpreters of one thread each, if a sample is worth it; the result does not depend on it.

    Returns:
        Outputs [n, ...] by signature name.

    Raises:
        UserError: when the file cannot be run, or its inputs are not those of `samples`.
    """
    count = len(next(iter(samples.values())))
    first = open_model(model)
    if set(first.get_input_details()) != set(samples):
        raise UserError(f"the file's inputs are {', '.join(first.get_input_details())}, the data has {', '.join(samples)}")
    work = list(batches(samples, batch=_batch(first)))
    results: dict[str, np.ndarray] = {}

    def run(runner: Any, share: Sequence[tuple[slice, dict[str, np.ndarray]]]) -> None:
        details_in, details_out = runner.get_input_details(), runner.get_output_details()
        for rows, inputs in share:
            outputs = runner(**{name: quantized(array, details_in[name]) for name, array in inputs.items()})
            for name, output in outputs.items():
                values = real(output, details_out[name])
                if name not in results:
                    results[name] = np.empty((count, *values.shape[1:]), values.dtype)
                results[name][rows] = values[: rows.stop - rows.start]

    run(first, work[:1])  # the first call also allocates
    begun = time.perf_counter()
    run(first, work[:1])
    rest = work[1:]
    if workers > 1 and time.perf_counter() - begun > _WORTH_A_THREAD_SECONDS:
        with ThreadPoolExecutor(workers) as pool:
            shares = [rest[i::workers] for i in range(workers)]
            for future in [pool.submit(run, open_model(model), share) for share in shares if share]:
                future.result()
    else:
        run(first, rest)
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
