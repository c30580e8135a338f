"""TensorFlow Lite Micro: running a .tflite file on its kernels, in processes of their own."""

import json
import re
import signal
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from pipeline import files
from pipeline.errors import UserError
from pipeline.micro import allocations, child
from pipeline.micro.simulation_report import Arena
from pipeline.system import disk
from pipeline.tflite import flatbuffer

# Far more than any file needs: the arena is not touched where nothing lies, so that it costs nothing.
_ARENA = 1 << 26
# A process takes a quarter of a second to start.
_WORTH_A_PROCESS = 64


class Refused(Exception):
    """TFLM does not run a file; the text is what it said."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """The outputs of subgraph 0 in their order, each [n, ...] in the file's own dtype, and what the arena held."""

    outputs: list[np.ndarray]
    arena: Arena


def run(model: bytes, inputs: Sequence[np.ndarray], *, workers: int) -> Run:
    """The outputs of all samples; state that the file keeps is cleared before each.

    Args:
        model: .tflite file with a batch of one.
        inputs: of subgraph 0 in its order, each [n, ...] in its own dtype.
        workers: processes, if there are samples enough; the result does not depend on it.

    Raises:
        Refused: when TFLM does not run it.
    """
    count = len(inputs[0])
    shares = min(workers, -(-count // _WORTH_A_PROCESS))
    ends = [count * share // shares for share in range(shares + 1)]
    outputs = len(flatbuffer.read(model).subgraphs[0].outputs)
    with disk.temporary_folder() as temporary:
        folder = _prepared(temporary, model, inputs)
        jobs = [
            {"start": start, "stop": stop, "inputs": len(inputs), "outputs": outputs, "tensors": [], "arena": _arena(model)}
            for start, stop in pairwise(ends)
        ]
        with ThreadPoolExecutor(shares) as pool:
            said = list(pool.map(lambda job: _run(folder, str(job["start"]), job), jobs))
        parts = [folder / str(job["start"]) for job in jobs]
        found = [np.concatenate([np.load(part / f"output-{place}.npy")[:, 0] for part in parts]) for place in range(outputs)]
    return Run(outputs=found, arena=allocations.read(said[0]))


def tensors(model: bytes, inputs: Sequence[np.ndarray], numbers: Sequence[int]) -> dict[int, np.ndarray]:
    """Tensors of subgraph 0 for each sample, [n, ...] in their own dtypes, by number.

    Args:
        model, inputs: as `run`.
        numbers: of tensors that operators write.

    Raises:
        Refused: when TFLM does not run the file.
    """
    with disk.temporary_folder() as temporary:
        folder = _prepared(temporary, model, inputs)
        job = {"start": 0, "stop": len(inputs[0]), "inputs": len(inputs), "outputs": 0, "arena": _arena(model)}
        _run(folder, "kept", {**job, "tensors": list(numbers)})
        return {number: np.load(folder / "kept" / f"tensor-{number}.npy") for number in numbers}


def _prepared(folder: Path, model: bytes, inputs: Sequence[np.ndarray]) -> Path:
    (folder / "model.tflite").write_bytes(model)
    for place, array in enumerate(inputs):
        files.write_array(folder / f"input-{place}.npy", array)
    return folder


def _arena(model: bytes) -> int:
    graph = flatbuffer.read(model)
    held = [tensor for subgraph in graph.subgraphs for tensor in subgraph.tensors if tensor.data is None]
    # A multiple of 16, as TFLM aligns: what lies at its end would else count a few bytes more.
    return _ARENA + 16 * len(model) + 16 * sum(int(np.prod(tensor.shape, dtype=np.int64)) for tensor in held)


def _run(folder: Path, name: str, job: dict[str, object]) -> str:
    """What TFLM said on one job that it has done."""
    (folder / f"{name}.json").write_text(json.dumps(job), encoding="utf-8")
    command = [sys.executable, "-m", child.__name__, str(folder), name]
    done = subprocess.run(command, check=False, capture_output=True, text=True, errors="replace")
    if done.returncode == child.REFUSED:
        raise Refused(_words(done.stderr))
    if done.returncode < 0:
        raise Refused(f"it ended with {signal.Signals(-done.returncode).name}; {_words(done.stderr) or 'it said nothing'}")
    if done.returncode == child.UNWRITTEN:
        raise UserError(done.stderr.splitlines()[-1])
    if done.returncode:
        raise RuntimeError(done.stderr)
    return done.stderr


def _words(said: str) -> str:
    """TFLM's own words in one line, without the path of the source file that some begin with."""
    lines = [re.sub(r"^tensorflow/lite/\S+ ", "", line.strip()).rstrip(".") for line in said.splitlines() if line.strip()]
    own = [line for line in lines if not line.startswith("[RecordingMicroAllocator]")]
    # The last line is the Python package's, which says less.
    return "; ".join(own[:-1] if len(own) > 1 and own[-1] == "TFLM failed to allocate tensors" else own)
