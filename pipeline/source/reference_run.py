"""Running the original network, as exported to models/source."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from pipeline.runtime.batches import batches
from pipeline.source.tensorflow_setup import SIGNATURE, tf


def run_saved_model(folder: Path, samples: Mapping[str, np.ndarray], *, batch: int | None) -> Iterator[dict[str, np.ndarray]]:
    """The network's outputs, one sample after the other.

    Args:
        folder: a SavedModel that `export` wrote.
        samples: inputs [n, ...] by name.
        batch: the signature's batch; None, where it is free, runs one sample at a time.

    Yields:
        Outputs by name, without a batch dimension.
    """
    run = tf.saved_model.load(str(folder)).signatures[SIGNATURE]
    for rows, inputs in batches(samples, batch=batch):
        outputs = run(**{name: tf.constant(array) for name, array in inputs.items()})
        for offset in range(rows.stop - rows.start):
            yield {name: output.numpy()[offset] for name, output in outputs.items()}
