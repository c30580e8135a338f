"""Running the original network, as exported to models/source."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from pipeline.dataset.batches import batches, side_by_side
from pipeline.errors import UserError
from pipeline.source.tensorflow_setup import SIGNATURE, tf


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
    run = tf.saved_model.load(str(folder)).signatures[SIGNATURE]

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
