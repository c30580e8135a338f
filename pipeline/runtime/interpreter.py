"""LiteRT: running a .tflite file."""

import math
import time
import warnings
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from pipeline.errors import Impossible, UserError
from pipeline.runtime import runners

# Below this a sample costs less than Python's call, and a second thread only waits for the first.
_WORTH_A_THREAD_SECONDS = 50e-6
# Samples are quantized and stored so many bytes at a time: one call of NumPy costs as much as a small network.
_BLOCK_BYTES = 1 << 20


def open_model(model: bytes, *, threads: int = 1) -> Any:
    """The runner of the file's only signature, or of its first subgraph: called with inputs by name, it returns outputs by name.

    Raises:
        Impossible: when this interpreter cannot run the file, such as one with Select TF ops.
    """
    return _open(model, threads=threads)[1]


def _open(model: bytes, *, threads: int) -> tuple[Any, Any]:
    try:
        interpreter = Interpreter(model_content=model, num_threads=threads)
        interpreter.allocate_tensors()
        return interpreter, runners.of(interpreter)
    except runners.REFUSALS as error:
        found = runners.refusal(error, model)
        raise Impossible(f"LiteRT cannot run the file: {found.happened}", found.remedy, found.places) from None


def opened(model: bytes, *, delegate: bool, shapes: Mapping[int, tuple[int, ...]] | None = None) -> Any:
    """LiteRT's own interpreter of a file, its tensors allocated: with XNNPACK where it has kernels, or with built-in kernels alone.

    `shapes`: of inputs by tensor number, where they leave lengths free.

    Raises:
        ValueError, RuntimeError: when LiteRT refuses the file.
    """
    kernels = OpResolverType.AUTO if delegate else OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    interpreter = Interpreter(model_content=model, num_threads=1, experimental_op_resolver_type=kernels)
    runners.allocate(interpreter, shapes or {})
    return interpreter


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
    runner = runners.of(interpreter)
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
    # In place: fresh memory for each step takes six times as long on an image.
    exact = np.divide(values, scale, dtype=np.float64)
    np.rint(exact, out=exact)
    exact += zero_point
    np.clip(exact, limits.min, limits.max, out=exact)
    return exact.astype(detail["dtype"])


def real(values: np.ndarray, detail: Mapping[str, Any]) -> np.ndarray:
    """A tensor in real units: (q - zero point) * scale as float32. Any shape; as it is when the tensor is not quantized."""
    scale, zero_point = detail["quantization"]
    if scale == 0:
        return values
    # Codes of a range that ends at the largest float32, such as that of a mask, mean a little more.
    with np.errstate(over="ignore"):
        return ((values.astype(np.float64) - zero_point) * scale).astype(np.float32)


def predict(
    model: bytes,
    samples: Mapping[str, np.ndarray],
    *,
    workers: int,
    store: Callable[[str, tuple[int, ...], np.dtype], Any] = lambda name, shape, dtype: np.empty(shape, dtype),
    done: Callable[[int], object] = lambda count: None,
) -> dict[str, np.ndarray]:
    """The outputs of every sample in real units. State that the file keeps between calls (fused LSTM) is cleared before each.

    Args:
        model: .tflite file. A batch other than one is filled up with the last sample.
        samples: inputs [n, ...] by signature name, in real units.
        workers: interpreters of one thread each, if a sample is worth it; the result does not depend on it.
        store: makes the array for an output of a name, shape [n, ...] and dtype, or what else takes rows by slices: files keep
            memory flat.
        done: told after each batch how many samples it held; called by all workers.

    Returns:
        What `store` made, by signature name: outputs [n, ...].

    Raises:
        Impossible: when LiteRT cannot run the file, or not on one of these samples.
        UserError: when its inputs are not those of `samples`.
    """
    count = len(next(iter(samples.values())))
    first = _open(model, threads=1)
    details = first[1].get_input_details()
    if set(details) != set(samples):
        raise UserError(f"the file's inputs are {', '.join(details)}, the data has {', '.join(samples)}")
    batch = _batch(first[1])
    results: dict[str, np.ndarray] = {}

    def run(opened: tuple[Any, Any], blocks: Iterable[tuple[int, int]]) -> None:
        interpreter, runner = opened
        details_in, details_out = runner.get_input_details(), runner.get_output_details()
        for start, stop in blocks:
            rows = _filled(start, stop, batch)
            inputs = {name: quantized(np.asarray(array)[rows], details_in[name]) for name, array in samples.items()}
            outputs = []
            for i in range(0, stop - start, batch):
                interpreter.reset_all_variables()
                cut = {name: array[i : i + batch] for name, array in inputs.items()}
                try:
                    outputs.append(runner(**cut))
                except runners.REFUSALS as error:
                    raise runners.refusal(error, model) from None
            for name, detail in details_out.items():
                values = real(np.concatenate([output[name] for output in outputs]), detail)[: stop - start]
                if name not in results:
                    results[name] = store(name, (count, *values.shape[1:]), values.dtype)
                results[name][start:stop] = values
            done(stop - start)

    # The first two batches are run here: one allocates, the other tells how long a sample takes.
    ends = [min(batch, count), min(2 * batch, count)]
    run(first, [(0, ends[0])])
    begun = time.perf_counter()
    run(first, [(ends[0], ends[1])] if ends[0] < ends[1] else [])
    worth = time.perf_counter() - begun > _WORTH_A_THREAD_SECONDS
    blocks = _blocks(samples, first=ends[1], batch=batch, workers=workers if worth else 1)
    if workers > 1 and worth and len(blocks) > 1:
        with ThreadPoolExecutor(workers) as pool:
            others = [_open(model, threads=1) for _ in range(min(workers, len(blocks)) - 1)]
            # One line for all: whoever is done takes the next block.
            line = iter(blocks)
            for future in [pool.submit(run, opened, line) for opened in (first, *others)]:
                future.result()
    else:
        run(first, blocks)
    return results


def predict_shard(samples: Mapping[str, np.ndarray], model: bytes) -> dict[str, np.ndarray]:
    """`predict` of some of the samples, by one thread: the same outputs where they begin at a multiple of the file's batch."""
    return predict(model, samples, workers=1)


def batch_of(model: bytes) -> tuple[int, int]:
    """The batch of a file (1 where it is free), and the bytes of its outputs in real units that one sample has, as far as known.

    Raises:
        Impossible: when LiteRT cannot run the file.
    """
    runner = open_model(model)
    batch = _batch(runner)
    known = [abs(math.prod(runners.lengths(detail)[1:])) for detail in runner.get_output_details().values()]
    return batch, 4 * sum(known)


def _blocks(samples: Mapping[str, np.ndarray], *, first: int, batch: int, workers: int) -> list[tuple[int, int]]:
    """The samples from number `first` on, cut into whole batches of `_BLOCK_BYTES` at the most, several for each worker."""
    count = len(next(iter(samples.values())))
    bytes_each = max(1, sum(array.nbytes for array in samples.values()) // count)
    share = -(-(count - first) // (4 * workers))
    length = max(1, min(_BLOCK_BYTES // bytes_each, share) // batch) * batch
    return [(start, min(start + length, count)) for start in range(first, count, length)]


def _filled(start: int, stop: int, batch: int) -> slice | np.ndarray:
    """The numbers from `start` to `stop`, the last repeated until they fill whole batches."""
    missing = -(stop - start) % batch
    return np.minimum(np.arange(start, stop + missing), stop - 1) if missing else slice(start, stop)


def activations(
    model: bytes, samples: Iterable[Mapping[str, np.ndarray]], names: Collection[str]
) -> Iterator[dict[str, np.ndarray]]:
    """The values of tensors between operators, which an interpreter otherwise overwrites.

    Args:
        model: float32 .tflite file.
        samples: inputs by signature name, with the batch dimension of the file.
        names: of tensors; those of the main subgraph are found.

    Yields:
        For each sample the values by tensor name; valid until the next is asked for.
    """
    with warnings.catch_warnings():
        # It warns that preserving all tensors is for debugging and takes memory.
        warnings.filterwarnings("ignore", message=".*experimental_preserve_all_tensors.*")
        interpreter = Interpreter(model_content=model, num_threads=1, experimental_preserve_all_tensors=True)
    runner = runners.of(interpreter)
    index = {detail["name"]: detail["index"] for detail in interpreter.get_tensor_details() if detail["name"] in names}
    for sample in samples:
        interpreter.reset_all_variables()
        runner(**sample)
        yield {name: interpreter.get_tensor(number) for name, number in index.items()}


def _batch(runner: Any) -> int:
    """The batch of the file; 1 where it is free."""
    return max(1, max(runners.lengths(detail)[0] for detail in runner.get_input_details().values()))
