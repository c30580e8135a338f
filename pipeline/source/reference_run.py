"""Running the original network, as exported to models/source."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.dataset.batches import batches, side_by_side
from pipeline.errors import UserError
from pipeline.source.tensorflow_setup import SIGNATURE, tf
from pipeline.system import disk


def run_saved_model(
    folder: Path, samples: Mapping[str, np.ndarray], *, batch: int | None, workers: int = 1
) -> Iterator[dict[str, np.ndarray]]:
    """The network's outputs, one sample after the other.

    Args:
        folder: a SavedModel that `export` wrote.
        samples: inputs [n, ...] by name.
        batch: the signature's batch; None, where it is free, runs one sample at a time.
        workers: samples that are computed at a time, each by one thread; the result does not depend on it.

    Yields:
        Outputs by name, without a batch dimension.

    Raises:
        UserError: when TensorFlow has no kernel here for one of the network's operations.
    """
    return _run(_opened(folder), samples, batch=batch, workers=workers)


def packed(folder: Path) -> dict[str, bytes]:
    """The files of a SavedModel by their path in it, to be sent to where the folder is not."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def run_shard(samples: Mapping[str, np.ndarray], content: Mapping[str, bytes], batch: int | None) -> dict[str, np.ndarray]:
    """`run_saved_model` of some of the samples, by one thread: the same outputs where they begin at a multiple of the batch.

    Args:
        samples: inputs [k, ...] by name.
        content: of `packed`. It is opened once in a process that runs several shards.
        batch: as of `run_saved_model`.

    Returns:
        Outputs [k, ...] by name.

    Raises:
        UserError: when TensorFlow has no kernel here for one of the network's operations.
    """
    rows = list(_run(_unpacked(content), samples, batch=batch, workers=1))
    return {name: np.stack([row[name] for row in rows]) for name in rows[0]}


_last: dict[str, Any] = {}


def _unpacked(content: Mapping[str, bytes]) -> Any:
    digest = hashlib.sha256()
    for name, data in content.items():
        digest.update(f"{name} {len(data)} ".encode() + data)
    key = digest.hexdigest()
    if key not in _last:
        _last.clear()
        with disk.temporary_folder() as folder:
            for name, data in content.items():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / name).write_bytes(data)
            _last[key] = _opened(folder)
    return _last[key]


def _opened(folder: Path) -> Any:
    return tf.saved_model.load(str(folder)).signatures[SIGNATURE]


def _run(
    run: Callable[..., Any], samples: Mapping[str, np.ndarray], *, batch: int | None, workers: int
) -> Iterator[dict[str, np.ndarray]]:
    def outputs(cut: tuple[slice, dict[str, np.ndarray]]) -> tuple[int, dict[str, np.ndarray]]:
        rows, inputs = cut
        try:
            found = run(**{name: tf.constant(array) for name, array in inputs.items()})
        except tf.errors.UnimplementedError as error:
            lines = str(error).splitlines()
            said = next((line for line in lines if "support" in line), lines[0]).removeprefix("\t (0) UNIMPLEMENTED:").strip()
            raise UserError(f"model.path: TensorFlow cannot run the network here: {said}") from None
        return rows.stop - rows.start, {name: output.numpy() for name, output in found.items()}

    for count, found in side_by_side(outputs, batches(samples, batch=batch), workers=workers):
        for offset in range(count):
            yield {name: output[offset] for name, output in found.items()}
